import { SourceProtocolError } from '@certyo-cdc/core';
import { SPAN_NULL } from '@certyo-cdc/postgres';

const TAB = 0x09;
const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;
const CAPITAL_N = 0x4e;

/** What stands behind a backslash for a control character. */
const ESCAPED: Readonly<Record<number, number>> = {
  0x62: 0x08, // \b
  0x66: 0x0c, // \f
  0x6e: 0x0a, // \n
  0x72: 0x0d, // \r
  0x74: 0x09, // \t
  0x76: 0x0b, // \v
};

/**
 * Reads one row of COPY's text format in place: `spans[first + 2i]` is where the value of column i begins, and behind it
 * stands its length or `SPAN_NULL`. Escaped characters are put right in the bytes themselves, which only makes values shorter.
 *
 * The server sends each row as a message of its own, from `at` to `end`, with a newline at its end.
 * https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
 *
 * @throws SourceProtocolError for a row with another number of columns.
 */
export function readCopyRow(
  bytes: Buffer,
  at: number,
  end: number,
  spans: Int32Array,
  first: number,
  columns: number,
): void {
  const last = end - 1;
  if (last < at || bytes[last] !== NEWLINE) throw brokenRow();
  let column = first;
  let from = at;
  for (let pos = at; pos <= last; pos++) {
    const byte = bytes[pos];
    if (byte === BACKSLASH) {
      pos = readEscaped(bytes, { from, pos, last }, spans, column);
    } else if (byte === TAB || pos === last) {
      spans[column] = from;
      spans[column + 1] = pos - from;
    } else continue;
    column += 2;
    from = pos + 1;
  }
  if (column !== first + columns * 2) throw brokenRow();
}

/** Reads a value that holds a backslash; gives where it ends. */
function readEscaped(
  bytes: Buffer,
  { from, pos, last }: { readonly from: number; readonly pos: number; readonly last: number },
  spans: Int32Array,
  column: number,
): number {
  const behindNull = pos + 2;
  if (
    pos === from &&
    bytes[pos + 1] === CAPITAL_N &&
    (behindNull === last || bytes[behindNull] === TAB)
  ) {
    spans[column + 1] = SPAN_NULL;
    return behindNull;
  }
  let read = pos;
  let write = pos;
  while (read < last && bytes[read] !== TAB) {
    let byte = bytes[read++] ?? 0;
    if (byte === BACKSLASH) {
      byte = bytes[read++] ?? 0;
      byte = ESCAPED[byte] ?? byte;
    }
    bytes[write++] = byte;
  }
  spans[column] = from;
  spans[column + 1] = write - from;
  return read;
}

function brokenRow(): SourceProtocolError {
  return new SourceProtocolError('A row of a copy does not have the columns that were asked for.');
}
