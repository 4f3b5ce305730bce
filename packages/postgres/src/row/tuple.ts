import { Buffer } from 'node:buffer';

/** In place of a length: the value is NULL. */
export const SPAN_NULL = -1;
/** In place of a length: the value exists but was not sent (unchanged TOAST). */
export const SPAN_UNAVAILABLE = -2;
/** In place of a length: the column was not sent at all (an old tuple that holds only the key). */
export const SPAN_NOT_SENT = -3;

/** A value that exists but that the source could not see. */
export const UNAVAILABLE: unique symbol = Symbol('unavailable');
/** A column that was not sent at all. */
export const NOT_SENT: unique symbol = Symbol('not sent');

/** What `tupleFromTexts` takes for one column. */
export type TupleText = string | null | typeof UNAVAILABLE | typeof NOT_SENT;

/**
 * The texts of one row's columns, as they came over the wire: nothing is decoded or copied. The bytes must not change
 * for as long as an event holds them.
 */
export interface Tuple {
  /** Holds the values, in any order and with anything in between (for example a whole socket chunk). */
  readonly bytes: Buffer;
  /**
   * Two numbers per column, in the order of the table's columns: where the value begins in `bytes`, and its length in
   * bytes or one of `SPAN_NULL`, `SPAN_UNAVAILABLE`, `SPAN_NOT_SENT`. Rows that came together may share it.
   */
  readonly spans: Int32Array;
  /** Index of the row's first number in `spans`. */
  readonly first: number;
  readonly columns: number;
}

/** The texts of rows that came together. */
export interface RowBlock {
  readonly bytes: Buffer;
  /** As of a tuple, row after row. */
  readonly spans: Int32Array;
  readonly columns: number;
  readonly rows: number;
}

/** One row of a block. */
export function tupleAt({ bytes, columns, spans }: RowBlock, row: number): Tuple {
  return { bytes, spans, first: row * columns * 2, columns };
}

/** A row whose spans are its own. */
export function tupleOf(bytes: Buffer, spans: Int32Array): Tuple {
  return { bytes, spans, first: 0, columns: spans.length / 2 };
}

/** Makes a tuple from texts, for sources that get their rows as texts. */
export function tupleFromTexts(texts: readonly TupleText[]): Tuple {
  const spans = new Int32Array(texts.length * 2);
  let total = 0;
  for (const [index, text] of texts.entries()) {
    let length: number;
    if (typeof text === 'string') length = Buffer.byteLength(text);
    else if (text === null) length = SPAN_NULL;
    else length = text === UNAVAILABLE ? SPAN_UNAVAILABLE : SPAN_NOT_SENT;
    spans[index * 2] = total;
    spans[index * 2 + 1] = length;
    if (length > 0) total += length;
  }
  const bytes = Buffer.allocUnsafe(total);
  let offset = 0;
  for (const text of texts) {
    if (typeof text === 'string') offset += bytes.write(text, offset);
  }
  return tupleOf(bytes, spans);
}

/** The length of a column's value in bytes, or one of the negative marks. */
export function spanLength(tuple: Tuple, index: number): number {
  // The number of spans was checked against the number of columns when the event was made.
  return tuple.spans[tuple.first + index * 2 + 1] ?? SPAN_NOT_SENT;
}

/** Where a column's value begins in the tuple's bytes. */
export function spanStart(tuple: Tuple, index: number): number {
  return tuple.spans[tuple.first + index * 2] ?? 0;
}
