// index.d.ts

import { ChangeSource, CheckpointStore, DeadLetterStore, OpenOptions } from '@certyo-cdc/core';
import { SourceOptions, TableName, ReplacedKind, HintedStream, SetupOptions, TeardownOptions } from '@certyo-cdc/postgres';
export { SetupOptions } from '@certyo-cdc/postgres';

/**
 * By an `xid8` column that a trigger keeps: the number of the transaction that wrote the row last. Exact: rows are read when
 * every transaction up to theirs has ended. `setup()` adds column, trigger and index.
 */
interface XidCursor {
    readonly kind: 'xid';
    /** @default 'certyo_xid' */
    readonly column?: string | undefined;
}
/**
 * By a `timestamp` or `timestamptz` column that every write sets. Rows of the last `overlapMs` are read again and again, and
 * handed over once. Exact only while every transaction is shorter than that, and every writer sets the column to the time.
 */
interface TimestampCursor {
    readonly kind: 'timestamp';
    readonly column: string;
    /** How far back every look reaches, milliseconds; must exceed the longest transaction. @default 10000 */
    readonly overlapMs?: number | undefined;
}
/**
 * By a growing number, for tables to which rows are only added. The column must be filled by a sequence with CACHE 1: a gap
 * is waited for until no transaction that may hold it is left.
 */
interface IdCursor {
    readonly kind: 'id';
    readonly column: string;
}
/** By what a table's changes are found. */
type PollingCursor = XidCursor | TimestampCursor | IdCursor;
/**
 * How rows that are gone are noticed: by a trigger that writes them down (`'tombstone'`), by comparing keys every so often,
 * or not at all.
 */
type HardDeletes = 'tombstone' | 'not-captured' | {
    readonly reconcileMs: number;
};
/** One table and how it is polled. */
interface PollingTable {
    readonly table: TableName;
    /** @default the xid cursor */
    readonly cursor?: PollingCursor | undefined;
    /**
     * The column that is null as long as the row lives: a row where it is not null is handed over as a delete. Rows have to stay
     * until that was read: purge them only when they have been marked for longer than the pipeline may be away.
     */
    readonly softDelete?: {
        readonly column: string;
    } | undefined;
    /** How rows that are gone are noticed. @default 'tombstone' with the xid cursor, else 'not-captured' */
    readonly hardDeletes?: HardDeletes | undefined;
    /** A `timestamptz` column that `setup()` adds, with a trigger that keeps the time of the last write in it. @default none */
    readonly lastUpdate?: string | undefined;
}
/** Options of `pollingSource`. */
interface PollingSourceOptions extends SourceOptions {
    /** The tables to poll. A name alone means the xid cursor. A partitioned table stands for its partitions. */
    readonly tables: readonly (TableName | PollingTable)[];
    /**
     * Name of the source: the pipeline and its checkpoint carry it unless they have their own, and so do the tables and functions
     * that `setup()` makes. `[a-z0-9_]`, at most 40 characters. @default 'polling'
     */
    readonly name?: string | undefined;
    /** Key columns by `schema.table`, for tables whose records are not named by their primary key. They must be unique. */
    readonly keys?: Readonly<Record<string, readonly string[]>> | undefined;
    /** Goes on with a checkpoint that was saved for another list of tables: added ones are read from their beginning. @default false */
    readonly acceptTables?: boolean | undefined;
    /**
     * Goes on with the checkpoint of a source of this kind over the same database, from the beginning of every table: set up
     * while the old pipeline runs, drain that one, then start. @default none
     */
    readonly replaces?: ReplacedKind | undefined;
    /** Bounds of the interval between two looks, milliseconds: the shortest while rows come, doubling while none do. @default 100 to 5000 */
    readonly intervalMs?: {
        readonly min?: number | undefined;
        readonly max?: number | undefined;
    } | undefined;
    /** Most rows of a page. @default 1000 */
    readonly maxPageRows?: number | undefined;
    /** Bytes of rows after which a page ends; a single row may be larger. @default 4 MiB */
    readonly maxPageBytes?: number | undefined;
    /** Standing time of the horizon after which its holder is named in a warning, milliseconds; `false` never. @default 60000 */
    readonly horizonWarningMs?: number | false | undefined;
    /** Polls a standby, which shows changes later than its primary and in another order. @default false */
    readonly allowStandby?: boolean | undefined;
    /** How long an instance that does not answer keeps the others waiting, milliseconds. @default 15000 */
    readonly leaseMs?: number | undefined;
    /** How long to wait while another instance polls under this name, milliseconds; `false` stands by for ever. @default 60000 */
    readonly leaseWaitMs?: number | false | undefined;
    /** Time after which a connection that does not answer counts as dead, milliseconds; `false` never. @default 60000 */
    readonly deadAfterMs?: number | false | undefined;
    /** Schema of the tombstones, the lease and the tables that hold checkpoints and parked records. @default 'certyo' */
    readonly stateSchema?: string | undefined;
}

/** How rows that are gone are seen. */
type HardDeleteCapability = 'tombstone' | 'reconciled' | 'not-captured';
/** What a polling source sees of one table. */
interface TableCapabilities {
    /** States between two looks are not seen. */
    readonly everyVersion: false;
    /** Changes of rows that exist. False with the id cursor, which sees added rows only. */
    readonly updates: boolean;
    /** Whether nothing is missed however long a transaction takes; false with the timestamp cursor, which has its overlap. */
    readonly exact: boolean;
    readonly softDeletes: boolean;
    readonly hardDeletes: HardDeleteCapability;
}
/** What a polling source sees: what holds for every one of its tables, and each of them by its label. */
interface PollingCapabilities extends TableCapabilities {
    readonly tables: Readonly<Record<string, TableCapabilities>>;
}

/** A change source that polls tables. */
interface PollingSource extends ChangeSource {
    readonly kind: 'polling';
    readonly checkpoints: CheckpointStore;
    readonly deadLetters: DeadLetterStore;
    /** What this source sees and what it cannot see. */
    readonly capabilities: PollingCapabilities;
    open(options: OpenOptions): Promise<HintedStream>;
    /**
     * Makes what is missing: columns, triggers and indexes of the tables, the tables of tombstones and keys, and those that hold
     * checkpoints, parked records and leases. Running it again changes nothing. What another version has made is replaced, and
     * noted in `polling_replacements` in the same transaction, so that it is no gap.
     *
     * @returns The statements that it ran; with `dryRun`, that it would run.
     */
    setup(options?: SetupOptions): Promise<readonly string[]>;
    /**
     * Removes what `setup` made, and with `state: true` also the tables that hold the state of all pipelines. The pipeline must
     * be stopped.
     *
     * @returns The statements that it ran; with `dryRun`, that it would run.
     */
    teardown(options?: TeardownOptions): Promise<readonly string[]>;
    /** Makes every open stream of this source look at once, instead of at the end of its interval. */
    pollNow(): void;
}
/**
 * Captures changes by reading tables again and again: of every row its latest state, from the first look on, which is a copy
 * of the table.
 *
 * Guarantees: a row that was changed and committed is handed over, with its state then or a later one, however long its
 * transaction took and in whatever order transactions commit (xid cursor; see the README for the others); nothing of a
 * transaction that is not committed is; of one record, what is handed over later is later; a position is acknowledged only after
 * the pipeline has saved it; whatever makes completeness unprovable stops with a `GapError`.
 *
 * It does not see states between two looks, and hard deletes only by tombstones or by comparing keys: see `capabilities`.
 *
 * @throws ConfigurationError for options that are missing or wrong.
 * @example
 * const source = pollingSource({ tables: ['public.orders'] });
 * await source.setup();
 * const pipeline = createPipeline(source, certyoSink());
 * await pipeline.start();
 */
declare function pollingSource(options: PollingSourceOptions): PollingSource;

export { type HardDeleteCapability, type HardDeletes, type IdCursor, type PollingCapabilities, type PollingCursor, type PollingSource, type PollingSourceOptions, type PollingTable, type TableCapabilities, type TimestampCursor, type XidCursor, pollingSource };
