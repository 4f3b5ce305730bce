// index.d.ts

import { ChangeSource, CheckpointStore, DeadLetterStore } from '@certyo-cdc/core';
import { SourceOptions, ReplacedKind, ConnectionOptions, SetupOptions as SetupOptions$1, TeardownOptions } from '@certyo-cdc/postgres';

/** A table as users name it: by `schema.table` (a part that needs it in double quotes), or by its parts. */
type TableName = string | CapturedTableName;
/** A table by its parts, and what of it is published. */
interface CapturedTableName {
    /** @default 'public' */
    readonly schema?: string | undefined;
    readonly name: string;
    /**
     * The columns that are published; others are no part of the row. They must hold the replica identity. PostgreSQL 15 and
     * newer; setup() makes the publication so. @default all
     */
    readonly columns?: readonly string[] | undefined;
    /**
     * SQL condition for the rows that are published. An update into or out of it is an insert or a delete. It may use the
     * columns of the replica identity only, where updates and deletes are published. PostgreSQL 15 and newer. @default all rows
     */
    readonly where?: string | undefined;
}
/** How transactions are spooled that are streamed while they are in progress. */
interface StreamingOptions {
    /** Where the spool is kept: a folder of its own is made in it, readable by nobody else. @default the system's folder for temporary files */
    readonly directory?: string | undefined;
    /** The most that the spool may hold, bytes. Beyond it the source stops; nothing is lost. @default 8 GiB */
    readonly maxBytes?: number | undefined;
}
/** How tables are copied before their changes are streamed. */
interface CopyOptions {
    /** Tables, or parts of a large one, that are read at the same time, each over a connection of its own. @default 2 */
    readonly parallel?: number | undefined;
    /**
     * `ctid`: all tables as one snapshot shows them, in the order in which their rows lie; the fastest, with a transaction that
     * stays open until the copy is whole. `keyset`: in chunks by key beside the running stream; no transaction stays open, and
     * changes do not wait for the copy. @default 'ctid'
     */
    readonly method?: 'ctid' | 'keyset' | undefined;
    /** Most rows of a chunk, where rows are copied beside the running stream. @default 10000 */
    readonly chunkRows?: number | undefined;
    /** How long the making of the slot may wait for transactions that are running, milliseconds. @default 15000 */
    readonly slotLockTimeoutMs?: number | undefined;
}
/** How the slot is watched while somebody reads from it. `false` leaves a warning out. */
interface CareOptions {
    /** Between two looks at the slot, milliseconds. @default 10000 */
    readonly everyMs?: number | undefined;
    /** Bytes of log kept for the slot from which on `SLOT_RETAINED` is warned of. @default 10 GiB */
    readonly warnRetainedBytes?: number | false | undefined;
    /** Time until `max_slot_wal_keep_size` is used up, milliseconds, below which `SLOT_RUNNING_OUT` is warned of. @default 1 hour */
    readonly warnExhaustedInMs?: number | false | undefined;
    /** Age of the oldest unacknowledged change, milliseconds, from which on `SLOT_UNACKNOWLEDGED` is warned of. @default 15 minutes */
    readonly warnUnacknowledgedMs?: number | false | undefined;
}
/** Options of `replicationSource`. */
interface ReplicationSourceOptions extends SourceOptions {
    /** The tables to capture. A partitioned table stands for its partitions. May be left out where `schemas` is given. */
    readonly tables?: readonly TableName[] | undefined;
    /**
     * Schemas whose tables are all captured, those that are made later from their first row on (PostgreSQL 15 and newer; the
     * publication takes a superuser to make). @default none
     */
    readonly schemas?: readonly string[] | undefined;
    /**
     * Under which name changes of a partitioned table come: under its own, or under that of each partition. Versions of a row
     * that moves to another partition are an update for `root`, a delete and an insert for `leaf`. @default 'root'
     */
    readonly partitions?: 'root' | 'leaf' | undefined;
    /**
     * Takes large transactions while they are in progress (protocol 2) and spools them to disk until they commit, instead of
     * having the server spill them; what is aborted is dropped. Events are the same either way. @default false
     */
    readonly streaming?: boolean | StreamingOptions | undefined;
    /**
     * Takes a prepared transaction when it is prepared and spools it to disk until it is committed (PostgreSQL 15 and newer, a
     * slot with `two_phase`). Events are the same either way: nothing leaves before COMMIT PREPARED. The start turns it on for a
     * slot that is there; from PostgreSQL 18 on `setup()` turns it off again. @default false
     */
    readonly twoPhase?: boolean | undefined;
    /**
     * Captures messages written with `pg_logical_emit_message` (PostgreSQL 14 and newer): all of them, or those with one of
     * these prefixes. @default false
     */
    readonly messages?: boolean | readonly string[] | undefined;
    /**
     * The output plugin. `wal2json` (format version 2) and `decoderbufs` are for servers that prescribe them; what they cannot do
     * is told in the README. @default 'pgoutput'
     */
    readonly decoder?: 'pgoutput' | 'wal2json' | 'decoderbufs' | undefined;
    /**
     * Tells the text of the statements that changed a table with its schema change (PostgreSQL 14 and newer). `setup()` makes an
     * event trigger for it, which takes a superuser; it writes what the client sent, with whatever literals stand in it, into
     * the server's log. @default false
     */
    readonly ddl?: boolean | undefined;
    /**
     * `none` leaves out what replication has brought to the server from elsewhere (PostgreSQL 16 and newer). @default 'any'
     */
    readonly origin?: 'any' | 'none' | undefined;
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
     * Before the first change, hands over the tables' rows as they are, as `snapshot` events. `open()` makes the slot then, and
     * not `setup()`, so that the copy shows exactly what lies before it. Takes SELECT on the tables, and PostgreSQL 13 or newer.
     * @default false
     */
    readonly copy?: boolean | CopyOptions | undefined;
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
    /** Watching over the slot and warning of what endangers it; `false` does not. */
    readonly care?: CareOptions | false | undefined;
    /**
     * Writes a little into the log now and then, for databases where nothing else does: a logical message, or where that is
     * not allowed a row of the table `heartbeats` of `setup()`. It never becomes an event. @default false
     */
    readonly heartbeat?: {
        readonly everyMs?: number | undefined;
    } | false | undefined;
    /**
     * Reads from the slot under a lease in the state schema (`setup()` makes its tables). An instance that is started beside
     * a running one stands by for `slotWaitMs` and goes on as soon as the lease is given back or, `leaseMs` after the other
     * one has died, runs out; a slot that the server still holds for the dead one is freed then. @default false
     */
    readonly takeover?: boolean | {
        readonly leaseMs?: number | undefined;
    } | undefined;
    /**
     * Makes the slot one that standbys copy (PostgreSQL 17 and newer), and warns while a failover would lose it or changes;
     * with `standbys`, also looks at theirs. Of a slot that is there `setup()` changes that, with `false` back; left out, it
     * stays as it is. @default false
     */
    readonly failover?: boolean | {
        readonly standbys?: readonly (ConnectionOptions | string)[] | undefined;
    } | undefined;
    /**
     * The primary, where `connection` is a standby (PostgreSQL 16 and newer): `setup()` makes the publication there and the
     * slot on the standby. State is kept there unless `stateConnection` says otherwise. @default none
     */
    readonly primary?: ConnectionOptions | string | undefined;
    /**
     * Goes on behind one gap: the one whose fingerprint the `GapError` printed, and no other. `accept` records the hole as an
     * event (`operation: 'gap'`) and reads on in the next epoch; `copy` also hands over the rows of all tables as they are.
     * A slot that is gone or lost is made again. May stay set. @default none
     */
    readonly recover?: {
        readonly gap: string;
        readonly by: 'accept' | 'copy';
    } | undefined;
}

/** Where a backfill is in its life. */
type BackfillState = 'requested' | 'running' | 'paused' | 'finished' | 'cancelled' | 'failed';

/** What to copy again, and how. */
interface BackfillOptions {
    /** Captured tables, by `schema.table` or by their parts. */
    readonly tables: readonly TableName[];
    /** SQL condition for the rows, over the columns of the table. It goes into a statement as it is. @default all rows */
    readonly where?: string | undefined;
    /** Most rows of a chunk. @default 10000 */
    readonly chunkRows?: number | undefined;
    readonly signal?: AbortSignal | undefined;
}
/** How far a backfill is, as the reader last wrote it down. */
interface BackfillStatus {
    readonly id: string;
    readonly state: BackfillState;
    readonly tables: readonly {
        /** `schema.table`. */
        readonly table: string;
        readonly rows: number;
        readonly isWhole: boolean;
    }[];
    /** Why it failed, else null. */
    readonly error: string | null;
}
/** A backfill that was asked for. */
interface Backfill {
    readonly id: string;
    /** Resolves when all rows have been handed over and that is saved; rejects when it was cancelled or has failed. */
    readonly done: Promise<BackfillStatus>;
    /** Stops behind the chunk that is under way. */
    pause(): Promise<void>;
    resume(): Promise<void>;
    /** Ends it; what was handed over stays. */
    cancel(): Promise<void>;
    status(): Promise<BackfillStatus>;
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
     * Makes what is missing: the tables that hold checkpoints and parked records, the publication, then the slot; with the
     * option `copy` the slot is left to `open()`. Running it again changes nothing. Never alters a captured table: what cannot be captured is refused with the SQL.
     *
     * @returns The statements that it ran; with `dryRun`, that it would run.
     */
    setup(options?: SetupOptions): Promise<readonly string[]>;
    /**
     * Copies the rows of captured tables into the running stream, as `snapshot` events, in chunks between its transactions. Never
     * brings back an old row, nor one that was deleted. The request is written down: it survives a restart, goes on at its
     * last chunk, and may be made by another process than the one that reads.
     */
    backfill(options: BackfillOptions): Promise<Backfill>;
    /** The backfills that have not ended, oldest first. */
    backfills(options?: {
        readonly signal?: AbortSignal | undefined;
    }): Promise<readonly Backfill[]>;
    /**
     * Removes the slot and the publication, and with `state: true` also the tables that hold checkpoints and parked
     * records of all pipelines, and the event trigger of the option `ddl`. The pipeline must be stopped.
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

export { type Backfill, type BackfillOptions, type BackfillState, type BackfillStatus, type CareOptions, type CopyOptions, type ReplicationSource, type ReplicationSourceOptions, type SetupOptions, replicationSource };
