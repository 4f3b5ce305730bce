import { refuseText } from './internal/refuse.ts';

const BACKSLASH = 0x5c;
const CLOSE = 0x29;
const COMMA = 0x2c;
const QUOTE = 0x22;

/**
 * Splits what `record_out` prints (`(1,"a ""b""",,"")`, for example `NEW::text`) into the texts of its columns, with
 * null for NULL. `()` is one column that is null; a record without columns prints the same.
 *
 * @throws ValueError for text that is no record.
 * @see https://www.postgresql.org/docs/18/rowtypes.html#ROWTYPES-IO-SYNTAX
 */
export function parseRecordText(text: string): (string | null)[] {
  if (text.charCodeAt(0) !== 0x28 /* ( */) throw refuseText('a record');
  const fields: (string | null)[] = [];
  const last = text.length - 1;
  let index = 1;
  for (;;) {
    const start = index;
    if (text.charCodeAt(index) === QUOTE) {
      const end = quotedEnd(text, index);
      fields.push(unquote(text, index + 1, end));
      index = end + 1;
    } else {
      index = unquotedEnd(text, index);
      fields.push(index === start ? null : text.slice(start, index));
    }
    const code = text.charCodeAt(index);
    if (code === CLOSE && index === last) return fields;
    if (code !== COMMA) throw refuseText('a record');
    index += 1;
  }
}

/** Where a field without quotes ends. The server quotes every field with one of these characters in it. */
function unquotedEnd(text: string, start: number): number {
  let index = start;
  for (; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === COMMA || code === CLOSE) break;
    if (code === QUOTE || code === BACKSLASH || code === 0x28) throw refuseText('a record');
  }
  return index;
}

/** The index of the closing quote of a field whose opening quote is at `start`. */
function quotedEnd(text: string, start: number): number {
  let index = start + 1;
  for (; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === BACKSLASH) index += 1;
    else if (code === QUOTE) {
      if (text.charCodeAt(index + 1) !== QUOTE) return index;
      index += 1;
    }
  }
  throw refuseText('a record');
}

/** Takes away the doubling of quotes and backslashes between `start` and `end`. */
function unquote(text: string, start: number, end: number): string {
  let value = '';
  let from = start;
  for (let index = start; index < end; index += 1) {
    const code = text.charCodeAt(index);
    if (code !== QUOTE && code !== BACKSLASH) continue;
    value += text.slice(from, index);
    index += 1;
    from = index;
  }
  return value + text.slice(from, end);
}
