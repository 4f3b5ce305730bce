// index.d.ts

import { ChangeSource, CheckpointStore, DeadLetterStore } from '@certyo-cdc/core';
import { SourceOptions, TableName, ReplacedKind, SetupOptions as SetupOptions$1, TeardownOptions } from '@certyo-cdc/postgres';

/** Options of `replicationSource`. */
interface ReplicationSourceOptions extends SourceOptions {
    /** The tables to capture. A partitioned table stands for its partitions. */
    readonly tables: readonly TableName[];
    /** Name of the source; the pipeline and its checkpoint carry it unless they have their own. @default the slot's name */
    readonly name?: string | undefined;
    /** The replication slot: `[a-z0-9_]`, at most 63 characters. One slot serves one source. @default 'certyo_cdc' */
    readonly slot?: string | undefined;
    /** The publication. @default 'certyo_cdc' */
    readonly publication?: string | undefined;
    /**
     * Key columns by `schema.table`, for tables whose records are not named by their primary key. They must lie within
     * the replica identity.
     */
    readonly keys?: Readonly<Record<string, readonly string[]>> | undefined;
    /** Keeps generated columns that the server sends (PostgreSQL 18 and newer, by option of the publication). @default false */
    readonly includeGenerated?: boolean | undefined;
    /**
     * Goes on where a source of another kind over the same database stopped: its checkpoint is taken over, and reading begins
     * at the slot's beginning, in the next epoch. Run `setup()` while the old pipeline runs, let that one catch up and drain,
     * then start this one under the same pipeline name. May stay set. @default none
     */
    readonly replaces?: Exclude<ReplacedKind, 'replication'> | undefined;
    /**
     * How long to wait, milliseconds, while another connection holds the slot; `false` waits for ever, as a standby
     * instance does. @default 60000
     */
    readonly slotWaitMs?: number | false | undefined;
    /** Longest pause between two status updates to the server, milliseconds. A third of wal_sender_timeout when that is less. @default 5000 */
    readonly statusIntervalMs?: number | undefined;
    /** Silence after which the connection counts as dead, milliseconds; `false` never. @default 15000 */
    readonly deadAfterMs?: number | false | undefined;
    /** Bytes that may wait undecoded before the socket is paused. @default 1 MiB */
    readonly maxBufferedBytes?: number | undefined;
    /** Largest message (one change with its old and new row) that is accepted, bytes. @default 256 MiB */
    readonly maxMessageBytes?: number | undefined;
}

/** How `setup` and `teardown` go about it. */
interface SetupOptions extends SetupOptions$1 {
    /**
     * How long the making of the slot may wait for a running transaction to end, milliseconds; a slot can only begin when
     * every transaction that was running has ended. @default 15000
     */
    readonly slotLockTimeoutMs?: number | undefined;
}
/** A change source over a logical replication slot. */
interface ReplicationSource extends ChangeSource {
    readonly kind: 'replication';
    readonly checkpoints: CheckpointStore;
    readonly deadLetters: DeadLetterStore;
    /**
     * Makes what is missing: the tables that hold checkpoints and parked records, the publication, then the slot. Running
     * it again changes nothing. Never alters a captured table: what cannot be captured is refused with the SQL.
     *
     * @returns The statements that it ran; with `dryRun`, that it would run.
     */
    setup(options?: SetupOptions): Promise<readonly string[]>;
    /**
     * Removes the slot and the publication, and with `state: true` also the tables that hold checkpoints and parked
     * records of all pipelines. The pipeline must be stopped.
     *
     * @returns The statements that it ran; with `dryRun`, that it would run.
     */
    teardown(options?: SetupOptions & TeardownOptions): Promise<readonly string[]>;
}
/**
 * Captures changes by logical replication with pgoutput: every committed insert, update, delete and truncate, in commit
 * order, from the moment that `setup()` made the slot.
 *
 * Guarantees: nothing of a transaction that is not committed is emitted; an event has the same id and bytes whenever
 * it is read; a position is acknowledged to the server only after the pipeline has saved it; whatever makes
 * completeness unprovable (a lost slot, another server, a checkpoint that does not fit) stops with a `GapError`.
 *
 * @throws ConfigurationError for options that are missing or wrong.
 * @example
 * const source = replicationSource({ tables: ['public.orders'] });
 * await source.setup();
 * const pipeline = createPipeline(source, certyoSink());
 * await pipeline.start();
 */
declare function replicationSource(options: ReplicationSourceOptions): ReplicationSource;

export { type ReplicationSource, type ReplicationSourceOptions, type SetupOptions, replicationSource };
