import type { ReplacedKind, SourceOptions, TableName } from '@certyo-cdc/postgres';

/** Options of `replicationSource`. */
export interface ReplicationSourceOptions extends SourceOptions {
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
