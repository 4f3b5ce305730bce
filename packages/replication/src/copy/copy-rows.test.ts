import { SPAN_NULL } from '@certyo-cdc/postgres';
import { describe, expect, test } from 'vitest';
import { readCopyRow } from './copy-rows.ts';

/** The spans of a row, read behind those of another. */
function spansOf(bytes: Buffer, at: number, columns: number): Int32Array {
  const spans = new Int32Array(3 + columns * 2);
  readCopyRow(bytes, at, bytes.length, spans, 3, columns);
  return spans.subarray(3);
}

function values(line: string, columns: number, before = ''): (string | null)[] {
  const bytes = Buffer.from(`${before}${line}\n`);
  const spans = spansOf(bytes, Buffer.byteLength(before), columns);
  return Array.from({ length: columns }, (_, i) => {
    const at = spans[2 * i] ?? 0;
    const length = spans[2 * i + 1] ?? 0;
    return length === SPAN_NULL ? null : bytes.toString('utf8', at, at + length);
  });
}

describe('readCopyRow', () => {
  test.each([
    ['1\tone', ['1', 'one']],
    ['1\t', ['1', '']],
    ['\t', ['', '']],
    ['\\N\t\\N', [null, null]],
    ['\\\\N\tN', ['\\N', 'N']],
    ['a\\tb\tc\\nd', ['a\tb', 'c\nd']],
    ['\\\\\\\\\t\\b\\f\\n\\r\\t\\v', ['\\\\', '\b\f\n\r\t\v']],
    ['x\\\\N\ty\\\\', ['x\\N', 'y\\']],
    ['é\\\\日\tü', ['é\\日', 'ü']],
  ])('%j', (line, expected) => {
    expect(values(line, 2)).toEqual(expected);
    expect(values(line, 2, 'what was before\n')).toEqual(expected);
  });

  test('one column', () => {
    expect(values('', 1)).toEqual(['']);
    expect(values('\\N', 1)).toEqual([null]);
  });

  test.each(['1', '1\t2\t3', '\\N'])('a row with other columns is refused: %j', (line) => {
    expect(() => values(line, 2)).toThrow('does not have the columns');
  });

  test('a row without its newline is refused', () => {
    const bytes = Buffer.from('1\t2');
    expect(() => spansOf(bytes, 0, 2)).toThrow('does not have the columns');
  });
});
