import type { GapCode } from '../errors/codes.ts';
import type { JsonRow, JsonValue } from './json.ts';

/** What an event says happened to a row. `snapshot`: the row as a copy or a poll found it. */
export type RowOperation = 'insert' | 'update' | 'delete' | 'snapshot';

/** One column as it was when the change was made. */
export interface ColumnInfo {
  readonly name: string;
  /** The type's oid in the captured database. */
  readonly typeOid: number;
  /** The type's name as `format_type` prints it, for example `character varying(20)` or `app.mood[]`. */
  readonly typeName: string;
  /** True for a column of the record key (the primary key unless the source's `key` option says otherwise). */
  readonly isKey: boolean;
  /** Whether the column accepts null, or null where the source could not learn it. */
  readonly nullable: boolean | null;
}

/** The table of an event, with its columns as they were when the change was made. */
export interface TableInfo {
  readonly database: string;
  readonly schema: string;
  readonly name: string;
  /** The table's oid, or 0 where the source cannot see it. */
  readonly oid: number;
  readonly columns: readonly ColumnInfo[];
}

/** The transaction that made a change. */
export interface TransactionInfo {
  /** The transaction id in decimal, or null where the source cannot see it. */
  readonly xid: string | null;
  /**
   * Commit time, ISO 8601 in UTC with microseconds (`2026-01-31T12:00:00.123456Z`), or null. A source that cannot see
   * it gives what comes nearest and stays the same: the change log the time at which the change was written down,
   * polling the row's stamp.
   */
  readonly committedAt: string | null;
  readonly beginLsn?: string | undefined;
  readonly commitLsn?: string | undefined;
}

/** Where an event comes from. */
export interface EventSource {
  /** The kind of source: `replication`, `listen-notify`, `polling`, `outbox`, `debezium`, `memory`. */
  readonly kind: string;
  readonly name: string;
  /** `pg_control_system().system_identifier` in decimal, or null where the source cannot see it. */
  readonly systemIdentifier: string | null;
}

interface EventBase {
  /**
   * Identity of this change: the same after redelivery, restart and re-read, and never shared by two changes.
   */
  readonly id: string;
  /** Grows from change to change of a record and sorts as text; becomes Certyo's `recordVersion`. */
  readonly version: string;
  /**
   * Where the change was written in the server's log (`16/B374D848`); missing where the source cannot see it. Changes of
   * one statement may share it, and it does not grow from transaction to transaction: it is no position to go on from.
   */
  readonly lsn?: string | undefined;
  readonly transaction: TransactionInfo | null;
  readonly source: EventSource;
  /** A plain object with every field, for `JSON.stringify`; `changeEventSchema` reads it. */
  toJSON(): JsonValue;
}

/**
 * One committed change of one row. Immutable.
 *
 * Rows are decoded when they are first read; reading one twice gives the same object. Of an event of a source nothing can be
 * changed, and its fields are getters of its class: JSON.stringify writes them all, a spread copies none of them. The event
 * that the functions of a `recordMapper` get can be spread.
 */
export interface RowChange<Row extends object = JsonRow> extends EventBase {
  readonly operation: RowOperation;
  readonly table: TableInfo;
  /** The record key: names and values of the key columns of the row (for a delete: of the old row). */
  readonly key: JsonRow;
  /** The key before an update that changed it, else null. */
  readonly previousKey: JsonRow | null;
  /** The old row as far as the source can see it, else null. */
  readonly before: Row | null;
  /** The new row; null for a delete. */
  readonly after: Row | null;
  /** Columns whose value the source could not see (unchanged TOAST). They are missing from the rows, never null. */
  readonly unavailable: readonly string[];
  /**
   * The row as canonical JSON text, written from PostgreSQL's text without passing through JavaScript numbers.
   *
   * `after` for everything but deletes, which write `before` (the key where nothing else is known). Keys are sorted
   * by their UTF-8 bytes; `unavailable` columns are left out and named under `_unavailable`.
   *
   * @param includes Which columns to write; all when omitted.
   * @param image `before` writes `before` (the previous key, or the key, where nothing else is known) for every
   * operation. @default 'after'
   */
  canonicalRow(includes?: (column: string) => boolean, image?: 'before' | 'after'): string;
}

/** A table was emptied by TRUNCATE. One event per table. A barrier for the lanes of its table. */
export interface Truncate extends EventBase {
  readonly operation: 'truncate';
  readonly table: TableInfo;
  /** Whether CASCADE was said; null where the source cannot see it (a trigger cannot). */
  readonly cascade: boolean | null;
  /** Whether RESTART IDENTITY was said; null where the source cannot see it. */
  readonly restartIdentity: boolean | null;
}

/** The columns of a table changed. A barrier for the lanes of its table. */
export interface SchemaChange extends EventBase {
  readonly operation: 'schema';
  readonly table: TableInfo;
  /** The columns as they were before, or null when the table is seen for the first time. */
  readonly previousColumns: readonly ColumnInfo[] | null;
  /**
   * The text of the statements that changed the table, as they were sent to the server, where the source was told
   * (`ddl: true` of `replicationSource`). It holds whatever literals stand in them.
   */
  readonly statement?: string | undefined;
}

/** A message written with `pg_logical_emit_message`. */
export interface LogicalMessage extends EventBase {
  readonly operation: 'message';
  readonly prefix: string;
  readonly content: Uint8Array;
  readonly transactional: boolean;
}

/**
 * Changes that are not in the stream, where somebody has decided to go on without them (the option `recover` of a source).
 * A barrier for all lanes: everything before it is delivered before, everything after it after.
 */
export interface AcceptedGap extends EventBase {
  readonly operation: 'gap';
  readonly database: string;
  /** What happened, as the `GapError` said. */
  readonly code: GapCode;
  /** The position up to which everything was delivered. */
  readonly from: string;
  /** The position from which on changes are delivered again; of another history where the server was restored. */
  readonly to: string;
  /** `copy`: the rows of the tables follow as they are now; `accept`: they do not. */
  readonly resolvedBy: 'accept' | 'copy';
  /** The captured tables, as `schema.table`. */
  readonly tables: readonly string[];
}

/** Everything a source can emit. */
export type ChangeEvent<Row extends object = JsonRow> =
  | RowChange<Row>
  | Truncate
  | SchemaChange
  | LogicalMessage
  | AcceptedGap;

/** True for an event about one row. */
export function isRowChange<Row extends object>(event: ChangeEvent<Row>): event is RowChange<Row> {
  return (
    event.operation === 'insert' ||
    event.operation === 'update' ||
    event.operation === 'delete' ||
    event.operation === 'snapshot'
  );
}
