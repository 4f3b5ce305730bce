import { Buffer } from 'node:buffer';

import type {
  AcceptedGap,
  ColumnInfo,
  EventSource,
  GapCode,
  JsonValue,
  LogicalMessage,
  SchemaChange,
  TableInfo,
  TransactionInfo,
  Truncate,
} from '@certyo-cdc/core';

import { eventToJson } from './internal/event-to-json.ts';

/** What every event that is not about one row is made with. */
export interface TableEventOptions {
  readonly id: string;
  readonly version: string;
  /** Where it was written in the server's log (`16/B374D848`). */
  readonly lsn?: string | undefined;
  readonly transaction: TransactionInfo | null;
  readonly source: EventSource;
}

/** How a truncate is made. */
export interface TruncateOptions extends TableEventOptions {
  readonly table: TableInfo;
  readonly cascade: boolean | null;
  readonly restartIdentity: boolean | null;
}

/** How a schema change is made. */
export interface SchemaChangeOptions extends TableEventOptions {
  readonly table: TableInfo;
  /** The columns as they were before, or null when the table is seen for the first time. */
  readonly previousColumns: readonly ColumnInfo[] | null;
  /** The text of the statements that changed it, where it is known. */
  readonly statement?: string | undefined;
}

/** How a logical message is made. */
export interface LogicalMessageOptions extends TableEventOptions {
  readonly prefix: string;
  readonly content: Uint8Array;
  readonly transactional: boolean;
}

/** How the event of an accepted gap is made. */
export interface AcceptedGapOptions extends TableEventOptions {
  readonly database: string;
  readonly code: GapCode;
  readonly from: string;
  readonly to: string;
  readonly resolvedBy: 'accept' | 'copy';
  readonly tables: readonly string[];
}

/** Makes the event of a gap that somebody has accepted. It is frozen. */
export function createAcceptedGap(options: AcceptedGapOptions): AcceptedGap {
  return Object.freeze({
    operation: 'gap',
    id: options.id,
    version: options.version,
    database: options.database,
    code: options.code,
    from: options.from,
    to: options.to,
    resolvedBy: options.resolvedBy,
    tables: options.tables,
    transaction: options.transaction,
    source: options.source,
    toJSON: eventToJson,
  });
}

/** Makes the event of one table that was emptied by TRUNCATE. It is frozen. */
export function createTruncate(options: TruncateOptions): Truncate {
  return Object.freeze({
    operation: 'truncate',
    id: options.id,
    version: options.version,
    ...lsnOf(options),
    table: options.table,
    cascade: options.cascade,
    restartIdentity: options.restartIdentity,
    transaction: options.transaction,
    source: options.source,
    toJSON: eventToJson,
  });
}

/** Makes the event of a table whose columns changed. It is frozen. */
export function createSchemaChange(options: SchemaChangeOptions): SchemaChange {
  return Object.freeze({
    operation: 'schema',
    id: options.id,
    version: options.version,
    ...lsnOf(options),
    table: options.table,
    previousColumns: options.previousColumns,
    ...(options.statement === undefined ? {} : { statement: options.statement }),
    transaction: options.transaction,
    source: options.source,
    toJSON: eventToJson,
  });
}

/** Makes the event of a message written with `pg_logical_emit_message`. It is frozen; `toJSON` gives the content as `\x` and hex. */
export function createLogicalMessage(options: LogicalMessageOptions): LogicalMessage {
  return Object.freeze({
    operation: 'message',
    id: options.id,
    version: options.version,
    ...lsnOf(options),
    prefix: options.prefix,
    content: options.content,
    transactional: options.transactional,
    transaction: options.transaction,
    source: options.source,
    toJSON: messageToJson,
  });
}

function lsnOf({ lsn }: TableEventOptions): Pick<TableEventOptions, 'lsn'> {
  return lsn === undefined ? {} : { lsn };
}

function messageToJson(this: LogicalMessage): JsonValue {
  const { buffer, byteOffset, byteLength } = this.content;
  const hex = Buffer.from(buffer, byteOffset, byteLength).toString('hex');
  return eventToJson.call({ ...this, content: `\\x${hex}` });
}
