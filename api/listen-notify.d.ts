// index.d.ts

import { ChangeSource, CheckpointStore, DeadLetterStore, SourceEvent } from '@certyo-cdc/core';
import { SourceOptions, TableName, ReplacedKind, SetupOptions, TeardownOptions, ReconnectOptions, ConnectionOptions } from '@certyo-cdc/postgres';
export { SetupOptions, TableName } from '@certyo-cdc/postgres';

/** How writers wake the reader: only while it sleeps, with every statement, or never. */
declare const DOORBELLS: readonly ["armed", "always"];
/** How writers wake the reader: only while it sleeps, with every statement, or never. */
type Doorbell = (typeof DOORBELLS)[number];
/** Options of `listenNotifySource` in durable mode. */
interface DurableSourceOptions extends SourceOptions {
    /** How changes come: through the change log. @default 'durable' */
    readonly mode?: 'durable' | undefined;
    /** The tables to capture. A partitioned table stands for its partitions. */
    readonly tables: readonly TableName[];
    /** Name of the source; the pipeline and its checkpoint carry it unless they have their own. @default the log's name */
    readonly name?: string | undefined;
    /**
     * The change log's table in `stateSchema` of the captured database: `[a-z0-9_]`, at most 40 characters. One log serves
     * one source. @default 'change_log'
     */
    readonly log?: string | undefined;
    /** Key columns by `schema.table`, for tables whose records are not named by their primary key. */
    readonly keys?: Readonly<Record<string, readonly string[]>> | undefined;
    /**
     * Goes on where a source of another kind over the same database stopped: its checkpoint is taken over, and reading begins
     * at the log's beginning, in the next epoch. Run `setup()` while the old pipeline runs, let that one catch up and drain,
     * then start this one under the same pipeline name. May stay set. @default none
     */
    readonly replaces?: Exclude<ReplacedKind, 'listen-notify'> | undefined;
    /** Before the first change, hands over the tables' rows as they are, as `snapshot` events. @default false */
    readonly copy?: boolean | undefined;
    /** Has `setup()` make event triggers, so that changes of a table's structure are told at once. Takes a superuser. @default false */
    readonly ddl?: boolean | undefined;
    /**
     * How writers wake the reader. `'armed'`: by NOTIFY, but only while it sleeps. `'always'`: with every statement, where
     * advisory locks are not to be used. `false`: never; the log is polled, for applications that use PREPARE TRANSACTION
     * (which refuses a NOTIFY) or cannot afford the lock that NOTIFY takes at commit. @default 'armed'
     */
    readonly doorbell?: Doorbell | false | undefined;
    /** How long the reader waits after a doorbell for further ones, milliseconds; `false` does not wait. @default 10 */
    readonly groupMs?: number | false | undefined;
    /** Longest time between two looks at the log, in case a doorbell was missed, milliseconds. @default 5000 */
    readonly sweepMs?: number | undefined;
    /** Bounds of the interval without a doorbell, milliseconds: the shortest while rows come, doubling while none do. @default 50 to 1000 */
    readonly intervalMs?: {
        readonly min?: number | undefined;
        readonly max?: number | undefined;
    } | undefined;
    /** Most rows of a page. @default 1000 */
    readonly maxBatchRows?: number | undefined;
    /** Bytes of log rows after which a page ends; a single row may be larger. @default 4 MiB */
    readonly maxBatchBytes?: number | undefined;
    /** Least time between two deletions of acknowledged rows from the log, milliseconds; `false` never deletes. @default 1000 */
    readonly pruneIntervalMs?: number | false | undefined;
    /** How long a reader that does not answer keeps the log to itself, milliseconds. @default 15000 */
    readonly leaseMs?: number | undefined;
    /** How long to wait while another instance reads the log, milliseconds; `false` stands by for ever. @default 60000 */
    readonly leaseWaitMs?: number | false | undefined;
    /** Time after which a connection that does not answer counts as dead, milliseconds; `false` never. @default 15000 */
    readonly deadAfterMs?: number | false | undefined;
    /** Schema of the change log and of the tables that hold checkpoints and parked records. @default 'certyo' */
    readonly stateSchema?: string | undefined;
}

/** A change source over a change log that triggers fill. */
interface DurableSource extends ChangeSource {
    readonly kind: 'listen-notify';
    readonly checkpoints: CheckpointStore;
    readonly deadLetters: DeadLetterStore;
    /**
     * Makes what is missing: the tables that hold checkpoints, parked records and leases, the change log with its functions,
     * then the triggers on each table. Running it again changes nothing. What another version has made is replaced, and noted
     * in `<log>_replacements` in the same transaction, so that it is no gap. A trigger is made under a lock on its table that
     * waits for writers, and that writers wait for.
     *
     * @returns The statements that it ran; with `dryRun`, that it would run.
     */
    setup(options?: SetupOptions): Promise<readonly string[]>;
    /**
     * Removes the triggers, the functions and the change log with all that it holds, and with `state: true` also the tables
     * that hold checkpoints, parked records and leases of all pipelines. The pipeline must be stopped.
     *
     * @returns The statements that it ran; with `dryRun`, that it would run.
     */
    teardown(options?: TeardownOptions): Promise<readonly string[]>;
}

/** How a listening connection is watched. */
interface ListenerOptions {
    /** Pause between two questions that show whether the connection lives, milliseconds. @default 5000 */
    readonly heartbeatMs?: number | undefined;
    /** Time for an answer on it, milliseconds; without one the connection is dropped and made again. @default 5000 */
    readonly answerTimeoutMs?: number | undefined;
    /**
     * Time for a notification from a second connection to arrive, milliseconds: tried at start, because behind a pooler in
     * transaction mode none ever does. `false` leaves the trial out. @default 2000
     */
    readonly selfTestMs?: number | false | undefined;
    /** Pauses between attempts to connect, milliseconds, growing from one to the other with jitter. @default 100 to 10000 */
    readonly reconnect?: ReconnectOptions | undefined;
}

/** A change source that may have a set-up of its own, as those of this library have. */
interface CatchUpSource extends ChangeSource {
    setup?(options?: SetupOptions): Promise<readonly string[]>;
    teardown?(options?: TeardownOptions): Promise<readonly string[]>;
}
/** How `setup` and `teardown` go about it. */
type PayloadSetupOptions = SetupOptions;
/** Options of `listenNotifySource` in payload mode. */
interface PayloadSourceOptions {
    /** Rows come in notifications, ahead of the source that finds them anyway. */
    readonly mode: 'payload';
    /**
     * The source that finds every change, for example `pollingSource(…)`. What it guarantees is what payload mode guarantees;
     * checkpoint, name, ids and versions are its own.
     */
    readonly catchUp: CatchUpSource;
    /** The tables whose changes are notified: those of `catchUp`. */
    readonly tables: readonly TableName[];
    /**
     * How to reach the database that `catchUp` captures: PostgreSQL itself, or a pooler in session mode.
     * @default PG_DSN, DATABASE_URL or libpq's PG* variables
     */
    readonly connection?: ConnectionOptions | string | undefined;
    /**
     * Part of the names of what `setup()` makes, and of the channel: `[a-z0-9_]`, at most 40 characters. @default 'payload'
     */
    readonly notifier?: string | undefined;
    /** Schema of the trigger function and its secret. @default 'certyo' */
    readonly stateSchema?: string | undefined;
    /** How the listening connection is watched. */
    readonly listener?: ListenerOptions | undefined;
    /** Environment to read instead of `process.env`. */
    readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * A change source in payload mode.
 *
 * The guarantee in one sentence: it delivers exactly what the catch-up source delivers, as surely and with the same ids, versions and
 * bytes, and of that some rows earlier; a notification by itself proves nothing, and none is needed for anything to arrive.
 */
interface PayloadSource extends ChangeSource {
    /** The catch-up source's. */
    readonly checkpoints: CheckpointStore | undefined;
    /** The catch-up source's. */
    readonly deadLetters: DeadLetterStore | undefined;
    /**
     * Has the catch-up source set itself up, then makes what is missing: the secret, the trigger function and the triggers on each table.
     * Running it again changes nothing. PREPARE TRANSACTION fails from then on for transactions that write to these tables.
     *
     * @returns The statements that it ran; with `dryRun`, that it would run.
     */
    setup(options?: SetupOptions): Promise<readonly string[]>;
    /**
     * Removes triggers, function and secret, then has the catch-up source remove its own. The pipeline must be stopped.
     *
     * @returns The statements that it ran; with `dryRun`, that it would run.
     */
    teardown(options?: TeardownOptions): Promise<readonly string[]>;
}

/** Options of `listenNotifySource`, by its mode. */
type ListenNotifySourceOptions = DurableSourceOptions | PayloadSourceOptions;
/**
 * Captures changes with triggers, where logical replication cannot be had.
 *
 * Mode `'durable'` (the default): triggers write every insert, update, delete and truncate into a change log, in the
 * transaction that makes it, with the row before and after and the columns of that moment. The source reads the log in
 * order, wakes when a doorbell rings, and deletes what is acknowledged.
 *
 * Guarantees of the durable mode: nothing of a transaction that is not committed is emitted; the changes of a record come in
 * the order of their commits, with every version in between; an event has the same id and bytes whenever it is read; a row
 * leaves the log only after the pipeline has saved its checkpoint. Whatever makes completeness unprovable (a log that was
 * emptied or made again, a trigger that was off, another server, a checkpoint that does not fit) stops with a `GapError`.
 *
 * Mode `'payload'`: rows come in notifications, as fast hints over a catch-up source; that one's guarantees are all it has.
 *
 * @throws ConfigurationError for options that are missing or wrong.
 * @example
 * const source = listenNotifySource({ tables: ['public.orders'] });
 * await source.setup();
 * const pipeline = createPipeline(source, certyoSink());
 * await pipeline.start();
 */
declare function listenNotifySource(options: DurableSourceOptions): DurableSource;
declare function listenNotifySource(options: PayloadSourceOptions): PayloadSource;

/** One notification as the server sent it. Any role that can log in can send one: its content is not to be trusted. */
interface Notification {
    readonly type: 'notification';
    readonly channel: string;
    /** At most 7,999 bytes; the empty text where none was given. */
    readonly payload: string;
    /** Server process (`pg_backend_pid()`) of the sender. */
    readonly processId: number;
}
/**
 * Notifications may have been lost: those of a time without connection, because the server keeps them for nobody, or those
 * that were discarded because they were not taken. Read what the notifications are about; from here on, none is missing.
 */
interface NotificationsMissed {
    readonly type: 'missed';
    /** Milliseconds since 1970 by the local clock: what was sent before has been handed over. */
    readonly sinceMs: number;
}
/** What `notifications()` gives. */
type NotificationItem = Notification | NotificationsMissed;

/** What to do with a notification for which there is no room. */
declare const WHEN_FULL: readonly ["fail", "missed"];
/** What to do with a notification for which there is no room. */
type WhenFull = (typeof WHEN_FULL)[number];

/** Options of `notifications`. */
interface NotificationsOptions {
    /**
     * How to reach PostgreSQL: itself, or a pooler in session mode.
     * @default PG_DSN, DATABASE_URL or libpq's PG* variables
     */
    readonly connection?: ConnectionOptions | string | undefined;
    /** The channels: names as they are (not folded to lower case), at most 63 bytes each. */
    readonly channels: readonly string[];
    /** Ends the iteration: it rejects with the signal's reason. */
    readonly signal?: AbortSignal | undefined;
    /** Notifications that may wait to be taken; each has at most 8 kB. @default 10000 */
    readonly maxBuffered?: number | undefined;
    /**
     * What happens with the one for which there is no room: `fail` ends the iteration with `NotificationsOverflowError`;
     * `missed` puts one item of type `missed` in the place of all that wait. @default 'fail'
     */
    readonly whenFull?: WhenFull | undefined;
    /** How the connection is watched. */
    readonly listener?: ListenerOptions | undefined;
    /** Observes the connection: losses and warnings. Must not throw. */
    readonly onEvent?: ((event: SourceEvent) => void) | undefined;
    /** Environment to read instead of `process.env`. */
    readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** Notifications as they come, for one consumer. */
interface NotificationStream extends AsyncIterableIterator<NotificationItem, undefined>, AsyncDisposable {
    /**
     * Connects and resolves when all channels are listened to: what is sent from then on is handed over. The iteration does
     * the same by itself. Rejects with the error that ends the stream.
     */
    listening(): Promise<void>;
    /** Ends the iteration and the connection. */
    return(): Promise<IteratorReturnResult<undefined>>;
}
/**
 * Gives the notifications of several channels one by one, over a connection of its own that is tried out at the start,
 * watched, and made again when it is lost.
 *
 * PostgreSQL keeps notifications for nobody: those that were sent while there was no connection are lost, and an item of
 * type `missed` says so. Equal notifications of one transaction arrive once. They come in the order of the commits.
 *
 * The iteration rejects with `SourceSetupError` when notifications cannot arrive (PgBouncer in transaction mode, a standby),
 * with `SourceConnectionError` when the first connection cannot be made or the login is refused later, with
 * `NotificationsOverflowError` when they are not taken fast enough, or with `signal.reason`.
 *
 * @throws ConfigurationError for options that are missing or wrong.
 * @example
 * for await (const item of notifications({ channels: ['orders', 'customers'] })) {
 *   if (item.type === 'missed') await refreshAll();
 *   else await refresh(item.channel, item.payload);
 * }
 */
declare function notifications(options: NotificationsOptions): NotificationStream;

export { type CatchUpSource, type Doorbell, type DurableSource, type DurableSourceOptions, type ListenNotifySourceOptions, type ListenerOptions, type Notification, type NotificationItem, type NotificationStream, type NotificationsMissed, type NotificationsOptions, type PayloadSetupOptions, type PayloadSource, type PayloadSourceOptions, type WhenFull, listenNotifySource, notifications };
