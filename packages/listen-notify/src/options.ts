import type { ReplacedKind, SourceOptions, TableName } from '@certyo-cdc/postgres';

/** How writers wake the reader: only while it sleeps, with every statement, or never. */
export const DOORBELLS = ['armed', 'always'] as const;

/** How writers wake the reader: only while it sleeps, with every statement, or never. */
export type Doorbell = (typeof DOORBELLS)[number];

/** Options of `listenNotifySource` in durable mode. */
export interface DurableSourceOptions extends SourceOptions {
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
  readonly intervalMs?:
    | { readonly min?: number | undefined; readonly max?: number | undefined }
    | undefined;
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
