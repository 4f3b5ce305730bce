import { SourceProtocolError } from '@certyo-cdc/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as message from '../testing/messages.ts';
import {
  NULL_VALUE,
  readBegin,
  readCommit,
  readRelation,
  readRow,
  readRowOid,
  readTruncate,
  UNCHANGED_TOAST,
} from './pgoutput.ts';
import { SpanBlocks } from './span-blocks.ts';

/** What each kind of message is read by. */
function read(bytes: Buffer, at: number, end: number): unknown {
  switch (String.fromCharCode(bytes[at] ?? 0)) {
    case 'B':
      return readBegin(bytes, at, end);
    case 'C':
      return readCommit(bytes, at, end);
    case 'R':
      return readRelation(bytes, at, end);
    case 'T':
      return readTruncate(bytes, at, end);
    default:
      return [readRowOid(bytes, at, end), readRow(bytes, at, end, new SpanBlocks())];
  }
}

function all(bytes: Buffer): unknown {
  return read(bytes, 0, bytes.length);
}

const columns = [
  { name: 'id', type: 23, key: true },
  { name: 'näme', type: 25 },
];

const samples: Readonly<Record<string, Buffer>> = {
  begin: message.begin(0x1_0000_0002n, 4_000_000_000),
  commit: message.commit(0x1_0000_0002n, 0x1_0000_0030n),
  relation: message.relation(16_384, columns, { schema: '', name: 'T"a' }),
  truncate: message.truncate([1, 4_000_000_000], 3),
  insert: message.insert(4_000_000_000, ['1', null, undefined, '']),
  update: message.update(5, ['1', 'b']),
  'update with key': message.update(5, ['2', 'b'], { kind: 'K', values: ['1', null] }),
  'update with old row': message.update(5, [null, undefined], { kind: 'O', values: ['1', 'a'] }),
  delete: message.remove(5, 'K', ['1', null]),
  'delete with row': message.remove(5, 'O', ['1', 'ä']),
};

describe('pgoutput', () => {
  test('reads transactions with positions and ids of full width', () => {
    expect(all(message.begin(0xffff_ffff_ffffn, 4_000_000_000, -5n))).toEqual({
      commitLsn: 0xffff_ffff_ffffn,
      committedAt: -5n,
      xid: 4_000_000_000,
    });
    expect(all(message.commit(1n, 9n))).toEqual({ commitLsn: 1n, endLsn: 9n });
  });

  test('reads relations; an empty schema is pg_catalog', () => {
    expect(all(samples['relation'] ?? Buffer.alloc(0))).toEqual({
      oid: 16_384,
      schema: 'pg_catalog',
      name: 'T"a',
      replicaIdentity: 'd',
      columns: [
        { name: 'id', typeOid: 23, typeModifier: -1, inIdentity: true },
        { name: 'näme', typeOid: 25, typeModifier: -1, inIdentity: false },
      ],
    });
  });

  test('reads truncates with their flags', () => {
    expect(all(message.truncate([1, 4_000_000_000], 1))).toEqual({
      oids: [1, 4_000_000_000],
      cascade: true,
      restartIdentity: false,
    });
    expect(all(message.truncate([1], 2))).toMatchObject({ cascade: false, restartIdentity: true });
  });

  test('reads tuples in place: texts, nulls, unchanged TOAST', () => {
    const bytes = Buffer.concat([Buffer.alloc(3), message.insert(9, ['ab', null, undefined, ''])]);
    const blocks = new SpanBlocks();
    // Another row stands before it.
    readRow(message.insert(9, ['x']), 0, message.insert(9, ['x']).length, blocks);
    const { after } = readRow(bytes, 3, bytes.length, blocks);
    expect(readRowOid(bytes, 3, bytes.length)).toBe(9);
    const spans = after === null ? [] : [...after.spans.subarray(after.first, after.first + 8)];
    expect(after?.columns).toBe(4);
    expect(spans.filter((_, i) => i % 2 === 1)).toEqual([2, NULL_VALUE, UNCHANGED_TOAST, 0]);
    expect(bytes.toString('utf8', spans[0], (spans[0] ?? 0) + 2)).toBe('ab');
  });

  test('tells key tuples from old rows', () => {
    expect(all(samples['update with key'] ?? Buffer.alloc(0))).toMatchObject([
      5,
      { beforeIsKey: true },
    ]);
    expect(all(samples['delete with row'] ?? Buffer.alloc(0))).toMatchObject([
      5,
      { beforeIsKey: false, after: null },
    ]);
  });

  describe.each(Object.entries(samples))('%s', (_name, bytes) => {
    test('cut anywhere it is refused, whatever follows in the buffer', () => {
      const followed = Buffer.concat([bytes, message.insert(1, ['x'.repeat(300)])]);
      for (let end = 1; end < bytes.length; end++) {
        expect(() => read(followed, 0, end)).toThrow(SourceProtocolError);
        expect(() => all(bytes.subarray(0, end))).toThrow(SourceProtocolError);
      }
    });

    test('with a byte too many it is refused', () => {
      expect(() => all(Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(SourceProtocolError);
    });

    test('garbled it is read or refused, and nothing else', () => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(bytes.length - 2), fc.nat(255)), { minLength: 1, maxLength: 4 }),
          (changes) => {
            const garbled = Buffer.from(bytes);
            for (const [at, value] of changes) garbled[at + 1] = value;
            try {
              all(garbled);
            } catch (error) {
              expect(error).toBeInstanceOf(SourceProtocolError);
            }
          },
        ),
        { numRuns: 500 },
      );
    });
  });

  test('a value with a negative length does not pass for null', () => {
    const bytes = message.insert(1, ['ab']);
    bytes.writeInt32BE(-1, bytes.length - 6);
    expect(() => all(bytes)).toThrow(SourceProtocolError);
  });

  test('an insert with an old row, or a delete with a new one, is refused', () => {
    const asInsert = message.remove(1, 'K', ['1']);
    asInsert[0] = 0x49;
    expect(() => all(asInsert)).toThrow('Tuple of kind');
    const asDelete = message.insert(1, ['1']);
    asDelete[0] = 0x44;
    expect(() => all(asDelete)).toThrow('Tuple of kind');
  });
});
