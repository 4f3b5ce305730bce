import {
  canonicalJson,
  type EventSource,
  type JsonRow,
  type JsonValue,
  type RowChange,
  type RowOperation,
  SourceProtocolError,
  type TableInfo,
  type TransactionInfo,
  ValueError,
} from '@certyo-cdc/core';

import { compareUtf8 } from '../values/internal/compare-utf8.ts';
import { writeCanonicalRow } from './internal/canonical-row.ts';
import { tableName } from './internal/column-text.ts';
import { eventToJson } from './internal/event-to-json.ts';
import { readRow, unavailableColumns } from './internal/read-row.ts';
import { UNAVAILABLE_KEY } from './internal/unavailable-key.ts';
import type { RowDescriptor } from './row-descriptor.ts';
import { SPAN_NOT_SENT, SPAN_NULL, spanLength, type Tuple } from './tuple.ts';

/** How a row change is made. */
export interface RowChangeOptions {
  readonly descriptor: RowDescriptor;
  readonly operation: RowOperation;
  readonly id: string;
  readonly version: string;
  /** Where in the bytes of the new tuple (of a delete: the old one) the change's log position stands, 8 bytes. */
  readonly lsnAt?: number | undefined;
  readonly transaction: TransactionInfo | null;
  readonly source: EventSource;
  /** The old row as far as it was sent; columns beyond the key are marked as not sent where only the key was. */
  readonly before: Tuple | null;
  /** The new row; null for a delete. */
  readonly after: Tuple | null;
}

/**
 * Makes the event of one change of one row. Nothing is decoded until it is read, and then once; the tuples' bytes are
 * held for as long as the event is.
 *
 * All fields are own and enumerable: a copy by spread has them, decoded. `canonicalRow` of such a copy writes the copy's
 * own rows, so that a changed copy is never written as the original.
 *
 * @throws SourceProtocolError when a tuple has another number of columns than the table, or the wrong one is missing.
 */
export function createRowChange(options: RowChangeOptions): RowChange {
  const { descriptor, before, after } = options;
  checkTuple(descriptor, before);
  checkTuple(descriptor, after);
  if (options.operation === 'delete' ? before === null || after !== null : after === null) {
    throw new SourceProtocolError(
      `The ${options.operation} of a row of ${tableName(descriptor)} has no ${
        options.operation === 'delete' ? 'old row, or has a new one' : 'new row'
      }.`,
    );
  }
  return new RowChangeEvent(options);
}

function checkTuple(descriptor: RowDescriptor, tuple: Tuple | null): void {
  if (tuple === null || tuple.spans.length === descriptor.columnCount * 2) return;
  throw new SourceProtocolError(
    `A row of ${tableName(descriptor)} came with ${tuple.spans.length / 2} columns; the table has ${descriptor.columnCount}.`,
  );
}

class RowChangeEvent implements RowChange {
  readonly operation: RowOperation;
  readonly id: string;
  readonly version: string;
  readonly table: TableInfo;
  declare readonly lsn?: string;
  declare readonly key: JsonRow;
  declare readonly previousKey: JsonRow | null;
  declare readonly before: JsonRow | null;
  declare readonly after: JsonRow | null;
  declare readonly unavailable: readonly string[];
  declare readonly transaction: TransactionInfo | null;
  declare readonly source: EventSource;
  declare readonly canonicalRow: RowChange['canonicalRow'];
  declare readonly toJSON: () => JsonValue;

  readonly #descriptor: RowDescriptor;
  /** What is written: the new row, or the old one of a delete. */
  readonly #tuple: Tuple;
  readonly #old: Tuple | null;
  readonly #lsnAt: number;
  #key: JsonRow | undefined;
  #previousKey: JsonRow | null | undefined;
  #before: JsonRow | undefined;
  #after: JsonRow | undefined;

  constructor(options: RowChangeOptions) {
    const { descriptor, before, after } = options;
    this.operation = options.operation;
    this.id = options.id;
    this.version = options.version;
    this.table = descriptor.table;
    // `createRowChange` has checked that one of them is there.
    const tuple = (after ?? before) as Tuple;
    const fallback = after === null ? null : before;
    this.#descriptor = descriptor;
    this.#tuple = tuple;
    this.#old = before;
    this.#lsnAt = options.lsnAt ?? 0;
    // One shared getter per name keeps the hidden class shared: much cheaper than an object literal with getters.
    if (options.lsnAt !== undefined) Object.defineProperty(this, 'lsn', LSN);
    Object.defineProperty(this, 'key', KEY);
    if (fallback === null) this.previousKey = null;
    else Object.defineProperty(this, 'previousKey', PREVIOUS_KEY);
    if (before === null) this.before = null;
    else Object.defineProperty(this, 'before', BEFORE);
    if (after === null) this.after = null;
    else Object.defineProperty(this, 'after', AFTER);
    this.unavailable = unavailableColumns(descriptor, tuple, fallback);
    this.transaction = options.transaction;
    this.source = options.source;
    this.canonicalRow = canonicalRow;
    this.toJSON = eventToJson;
    Object.freeze(this);
  }

  static readLsn(event: RowChangeEvent): string {
    const { bytes } = event.#tuple;
    const high = bytes.readUInt32BE(event.#lsnAt);
    const low = bytes.readUInt32BE(event.#lsnAt + 4);
    return `${high.toString(16)}/${low.toString(16)}`.toUpperCase();
  }

  static readKey(event: RowChangeEvent): JsonRow {
    event.#key ??= event.#readKey();
    return event.#key;
  }

  static readPreviousKey(event: RowChangeEvent): JsonRow | null {
    if (event.#previousKey === undefined) event.#previousKey = event.#readPreviousKey();
    return event.#previousKey;
  }

  static readBefore(event: RowChangeEvent): JsonRow | null {
    if (event.#old === null) return null;
    event.#before ??= readRow(event.#descriptor, event.#descriptor.columns, event.#old, null);
    return event.#before;
  }

  static readAfter(event: RowChangeEvent): JsonRow {
    const { columns } = event.#descriptor;
    event.#after ??= readRow(event.#descriptor, columns, event.#tuple, event.#fallback());
    return event.#after;
  }

  /** Null for an object that is not one of ours: a copy. */
  static write(
    event: object,
    includes: ((column: string) => boolean) | undefined,
    image: 'before' | 'after',
  ): string | null {
    if (!(#descriptor in event)) return null;
    if (image === 'before') {
      // Where no old row was sent, the key has not changed either, and it is all that is known of the old row.
      if (event.#old === null) return writeRow(RowChangeEvent.readKey(event), [], includes);
      return writeCanonicalRow(event.#descriptor, event.#old, null, includes);
    }
    return writeCanonicalRow(event.#descriptor, event.#tuple, event.#fallback(), includes);
  }

  /** Where columns that the new row does not show are looked up. */
  #fallback(): Tuple | null {
    return this.#old === this.#tuple ? null : this.#old;
  }

  #readKey(): JsonRow {
    const { key } = this.#descriptor;
    const row = readRow(this.#descriptor, key, this.#tuple, this.#fallback());
    for (const { name } of key) if (row[name] === undefined) throw this.#keyHidden(name);
    return row;
  }

  #readPreviousKey(): JsonRow | null {
    const old = this.#fallback();
    if (old === null) return null;
    const { key } = this.#descriptor;
    let differs = false;
    for (const column of key) {
      const length = spanLength(old, column.index);
      if (length === SPAN_NOT_SENT) throw this.#keyHidden(column.name);
      const newLength = spanLength(this.#tuple, column.index);
      // An unchanged value need not be sent.
      if (length < SPAN_NULL || newLength < SPAN_NULL) continue;
      if (length !== newLength || !sameBytes(old, this.#tuple, column.index, length)) {
        differs = true;
      }
    }
    return differs ? readRow(this.#descriptor, key, old, this.#tuple) : null;
  }

  #keyHidden(column: string): ValueError {
    return new ValueError(
      column,
      `Column "${column}" of ${tableName(this.#descriptor)} belongs to the record key, but the change does not show it.`,
      {
        remedy:
          'Choose a key within the replica identity of the table, or use REPLICA IDENTITY FULL.',
      },
    );
  }
}

const LSN = { enumerable: true, get: readLsn };
const KEY = { enumerable: true, get: readKey };
const PREVIOUS_KEY = { enumerable: true, get: readPreviousKey };
const BEFORE = { enumerable: true, get: readBefore };
const AFTER = { enumerable: true, get: readAfter };

function readLsn(this: RowChangeEvent): string {
  return RowChangeEvent.readLsn(this);
}

function readKey(this: RowChangeEvent): JsonRow {
  return RowChangeEvent.readKey(this);
}

function readPreviousKey(this: RowChangeEvent): JsonRow | null {
  return RowChangeEvent.readPreviousKey(this);
}

function readBefore(this: RowChangeEvent): JsonRow | null {
  return RowChangeEvent.readBefore(this);
}

function readAfter(this: RowChangeEvent): JsonRow {
  return RowChangeEvent.readAfter(this);
}

function canonicalRow(
  this: RowChange,
  includes?: (column: string) => boolean,
  image: 'before' | 'after' = 'after',
): string {
  return RowChangeEvent.write(this, includes, image) ?? writeCopy(this, includes, image);
}

/** A copy has no bytes: its rows, which may have been changed, are written as they are. */
function writeCopy(
  event: RowChange,
  includes: ((column: string) => boolean) | undefined,
  image: 'before' | 'after',
): string {
  const { after, before, key, previousKey } = event;
  if (image === 'before') return writeRow(before ?? previousKey ?? key, [], includes);
  return writeRow(after ?? before ?? key, event.unavailable, includes);
}

function writeRow(
  row: JsonRow,
  hidden: readonly string[],
  includes: (column: string) => boolean = () => true,
): string {
  const members = Object.keys(row).filter(includes);
  const unavailable = hidden.filter(includes);
  const values: Record<string, JsonValue> = Object.assign(
    Object.create(null) as Record<string, JsonValue>,
    row,
  );
  if (unavailable.length > 0) {
    members.push(UNAVAILABLE_KEY);
    values[UNAVAILABLE_KEY] = unavailable;
  }
  return `{${members
    .sort(compareUtf8)
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(values[name] ?? null)}`)
    .join(',')}}`;
}

function sameBytes(left: Tuple, right: Tuple, index: number, length: number): boolean {
  if (length <= 0) return true;
  const leftStart = left.spans[index * 2] ?? 0;
  const rightStart = right.spans[index * 2] ?? 0;
  return (
    left.bytes.compare(
      right.bytes,
      rightStart,
      rightStart + length,
      leftStart,
      leftStart + length,
    ) === 0
  );
}
