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

import {
  ByteWriter,
  KEY_VALUE,
  type KeyReader,
  type RowWriter,
  WRITE_ROW,
} from '@certyo-cdc/core/internal';

import { writeCanonicalRow } from './internal/canonical-row.ts';
import { tableName } from './internal/column-text.ts';
import { rowChangeToJson } from './internal/event-to-json.ts';
import { readRow, readValue, unavailableColumns } from './internal/read-row.ts';
import type { RowDescriptor } from './row-descriptor.ts';
import {
  type RowBlock,
  SPAN_NOT_SENT,
  SPAN_NULL,
  spanLength,
  spanStart,
  type Tuple,
  tupleAt,
} from './tuple.ts';

/** Every row is copied out of it as soon as it is written. A row that is asked for meanwhile is written behind it. */
const scratch = new ByteWriter();
/** In place of an offset. */
const NO_LSN = -1;
/** In place of a row's number. */
const NO_NUMBER = -1;

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
 * It cannot be changed, and not be copied by a spread: all that can be read of it are getters.
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
  return new RowChangeEvent(options, null, 0, NO_NUMBER);
}

/**
 * Makes the events of copied rows, each like `createRowChange` with `id` and the row's number as its id.
 *
 * @throws SourceProtocolError when the rows have another number of columns than the table.
 */
export function createSnapshots(
  options: Omit<RowChangeOptions, 'operation' | 'before' | 'after' | 'lsnAt'>,
  block: RowBlock,
  firstNumber: number,
): RowChange[] {
  const { rows } = block;
  if (rows > 0) checkTuple(options.descriptor, tupleAt(block, 0));
  const shared = { ...options, operation: 'snapshot', before: null, after: null } as const;
  const events: RowChange[] = [];
  for (let row = 0; row < rows; row += 1) {
    events.push(new RowChangeEvent(shared, block, row, firstNumber + row));
  }
  return events;
}

function checkTuple(descriptor: RowDescriptor, tuple: Tuple | null): void {
  if (tuple === null || tuple.columns === descriptor.columnCount) return;
  throw new SourceProtocolError(
    `A row of ${tableName(descriptor)} came with ${tuple.columns} columns; the table has ${descriptor.columnCount}.`,
  );
}

/** What was read of a row. */
interface Decoded {
  key: JsonRow | undefined;
  previousKey: JsonRow | null | undefined;
  before: JsonRow | undefined;
  after: JsonRow | undefined;
}

/**
 * Everything is read through getters of the prototype. Own ones would have to be defined for each event, which takes
 * longer than the rest of making it; so a spread finds nothing in an event. See `RowChange` in core.
 */
class RowChangeEvent implements RowChange, RowWriter, KeyReader {
  readonly #descriptor: RowDescriptor;
  readonly #operation: RowOperation;
  readonly #id: string;
  /** Stands behind `#id` where it is not negative. */
  readonly #number: number;
  readonly #version: string;
  readonly #lsnAt: number;
  readonly #transaction: TransactionInfo | null;
  readonly #source: EventSource;
  /** Where the row lies that is written, as long as nothing of it was read; then `#tuple` has it. */
  readonly #block: RowBlock | null;
  readonly #row: number;
  /** What is written: the new row, or the old one of a delete. */
  #tuple: Tuple | null;
  readonly #old: Tuple | null;
  #decoded: Decoded | null = null;

  /** Of the row of a block, where there is one; one object for each row is what a copy of many rows can afford. */
  constructor(options: RowChangeOptions, block: RowBlock | null, row: number, number: number) {
    this.#descriptor = options.descriptor;
    this.#operation = options.operation;
    this.#id = options.id;
    this.#number = number;
    this.#version = options.version;
    this.#lsnAt = options.lsnAt ?? NO_LSN;
    this.#transaction = options.transaction;
    this.#source = options.source;
    this.#block = block;
    this.#row = row;
    this.#tuple = options.after ?? options.before;
    this.#old = options.before;
  }

  /** What tests and consoles show of it, and tell two events apart by; no value of a row. */
  get [Symbol.toStringTag](): string {
    return `${this.#operation} ${this.id}`;
  }

  get operation(): RowOperation {
    return this.#operation;
  }

  get id(): string {
    return this.#number < 0 ? this.#id : `${this.#id}${this.#number}`;
  }

  get version(): string {
    return this.#version;
  }

  get lsn(): string | undefined {
    if (this.#lsnAt === NO_LSN) return undefined;
    const { bytes } = this.#written();
    const high = bytes.readUInt32BE(this.#lsnAt);
    const low = bytes.readUInt32BE(this.#lsnAt + 4);
    return `${high.toString(16)}/${low.toString(16)}`.toUpperCase();
  }

  get table(): TableInfo {
    return this.#descriptor.table;
  }

  get transaction(): TransactionInfo | null {
    return this.#transaction;
  }

  get source(): EventSource {
    return this.#source;
  }

  get key(): JsonRow {
    const decoded = this.#values();
    decoded.key ??= this.#readKey();
    return decoded.key;
  }

  get previousKey(): JsonRow | null {
    if (this.#old === null) return null;
    const decoded = this.#values();
    if (decoded.previousKey === undefined) decoded.previousKey = this.#readPreviousKey();
    return decoded.previousKey;
  }

  get before(): JsonRow | null {
    if (this.#old === null) return null;
    const decoded = this.#values();
    decoded.before ??= readRow(this.#descriptor, this.#descriptor.columns, this.#old, null);
    return decoded.before;
  }

  get after(): JsonRow | null {
    if (this.#operation === 'delete') return null;
    const decoded = this.#values();
    const { columns } = this.#descriptor;
    decoded.after ??= readRow(this.#descriptor, columns, this.#written(), this.#fallback());
    return decoded.after;
  }

  get unavailable(): readonly string[] {
    return unavailableColumns(this.#descriptor, this.#written(), this.#fallback());
  }

  canonicalRow(
    includes?: (column: string) => boolean,
    image: 'before' | 'after' = 'after',
  ): string {
    const start = scratch.length;
    if (start === 0) scratch.clear();
    try {
      this[WRITE_ROW](scratch, includes, image);
      return scratch.bytes.toString('utf8', start, scratch.length);
    } finally {
      scratch.length = start;
    }
  }

  [KEY_VALUE](): JsonValue | undefined {
    const { key } = this.#descriptor;
    const column = key[0];
    if (column === undefined || key.length > 1) return undefined;
    return readValue(this.#descriptor, column, this.#written(), this.#fallback());
  }

  [WRITE_ROW](
    out: ByteWriter,
    includes?: (column: string) => boolean,
    image: 'before' | 'after' = 'after',
  ): void {
    if (image === 'after') {
      writeCanonicalRow(this.#descriptor, this.#written(), this.#fallback(), includes, out);
    } else if (this.#old === null) {
      // Where no old row was sent, the key has not changed either, and it is all that is known of the old row.
      out.text(writeKey(this.key, includes));
    } else writeCanonicalRow(this.#descriptor, this.#old, null, includes, out);
  }

  toJSON(): JsonValue {
    return rowChangeToJson(this);
  }

  #values(): Decoded {
    this.#decoded ??= {
      key: undefined,
      previousKey: undefined,
      before: undefined,
      after: undefined,
    };
    return this.#decoded;
  }

  #written(): Tuple {
    // Whoever made the event has seen to it that there is a tuple or a block.
    this.#tuple ??= tupleAt(this.#block as RowBlock, this.#row);
    return this.#tuple;
  }

  /** Where columns that the new row does not show are looked up. */
  #fallback(): Tuple | null {
    return this.#operation === 'delete' ? null : this.#old;
  }

  #readKey(): JsonRow {
    const { key } = this.#descriptor;
    const row = readRow(this.#descriptor, key, this.#written(), this.#fallback());
    for (let index = 0; index < key.length; index += 1) {
      const name = key[index]?.name ?? '';
      if (row[name] === undefined) throw this.#keyHidden(name);
    }
    return row;
  }

  #readPreviousKey(): JsonRow | null {
    const old = this.#fallback();
    if (old === null) return null;
    const { key } = this.#descriptor;
    const tuple = this.#written();
    let differs = false;
    for (const column of key) {
      const length = spanLength(old, column.index);
      if (length === SPAN_NOT_SENT) throw this.#keyHidden(column.name);
      const newLength = spanLength(tuple, column.index);
      // An unchanged value need not be sent.
      if (length < SPAN_NULL || newLength < SPAN_NULL) continue;
      if (length !== newLength || !sameBytes(old, tuple, column.index, length)) {
        differs = true;
      }
    }
    return differs ? readRow(this.#descriptor, key, old, tuple) : null;
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

function writeKey(key: JsonRow, includes: (column: string) => boolean = () => true): string {
  return canonicalJson(
    Object.fromEntries(Object.entries(key).filter(([column]) => includes(column))),
  );
}

function sameBytes(left: Tuple, right: Tuple, index: number, length: number): boolean {
  if (length <= 0) return true;
  const leftStart = spanStart(left, index);
  const rightStart = spanStart(right, index);
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
