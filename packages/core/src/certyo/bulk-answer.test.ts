import { describe, expect, test } from 'vitest';

import type { JsonValue } from '../event/json.ts';
import { parseJson } from '../json/parse-json.ts';
import { decodeBulkAnswer, type BulkItem } from './bulk-answer.ts';
import { findRecord } from './find-record.ts';

const items: readonly BulkItem[] = ['1', '2', '3'].map((recordId) => ({
  database: 'shop',
  collection: 'public.orders',
  recordId,
  recordVersion: '1.5',
  idempotencyKey: `key-${recordId}`,
}));
const hash = 'a'.repeat(64);

/** a: accepted, r: rejected, u: unconfirmed. */
function read(answer: JsonValue, list: readonly BulkItem[] = items): string {
  return decodeBulkAnswer(parseJson(JSON.stringify(answer)), list)
    .map((verdict) => verdict.type[0])
    .join('');
}

const ok = (recordId: string): JsonValue => ({ recordId, recordHash: hash });

describe('decodeBulkAnswer', () => {
  const table: readonly (readonly [string, JsonValue, string])[] = [
    ['an array in order', [ok('1'), ok('2'), ok('3')], 'aaa'],
    ['an array out of order', [ok('3'), ok('1'), ok('2')], 'aaa'],
    ['an array with one left out', [ok('1'), ok('3')], 'aua'],
    ['results', { results: [ok('1'), ok('2'), ok('3')] }, 'aaa'],
    ['records, items, data', { records: [ok('1')], items: [ok('2')], data: [ok('3')] }, 'aaa'],
    [
      'accepted and rejected apart',
      { accepted: [ok('1'), ok('3')], rejected: [{ recordId: '2' }] },
      'ara',
    ],
    [
      'accepted and errors apart',
      { accepted: [ok('1')], errors: [{ index: 1, message: 'x' }] },
      'aru',
    ],
    [
      'by index',
      [
        { index: 2, recordHash: hash },
        { index: 0, recordHash: hash },
      ],
      'aua',
    ],
    ['by key', [{ idempotencyKey: 'key-2', recordHash: hash }], 'uau'],
    [
      'by key, in another order, one of them twice',
      ['3', '1', '2', '1'].map((id) => ({ idempotencyKey: `key-${id}`, recordHash: hash })),
      'uaa',
    ],
    [
      'a status for each',
      [
        { index: 0, status: 202, recordHash: hash },
        { index: 1, status: 400 },
        { index: 2, status: 429 },
      ],
      'arr',
    ],
    [
      'a word for each',
      [
        { ...(ok('1') as object), status: 'Accepted' },
        { recordId: '2', status: 'rejected' },
        { recordId: '3', status: 'who knows' },
      ],
      'aru',
    ],
    [
      'an error for each',
      [ok('1'), { recordId: '2', error: { code: 'x' } }, { recordId: '3', errors: ['x'] }],
      'arr',
    ],
    [
      'nested answers',
      [
        { index: 0, status: 202, body: ok('1') },
        { index: 1, result: ok('2') },
      ],
      'aau',
    ],
    ['empty', {}, 'uuu'],
    ['counts only', { accepted: 3, rejected: 0 }, 'uuu'],
    ['no list of objects', { results: [1, 'x', null, [ok('1')]] }, 'uuu'],
    [
      'entries that name nothing are not taken by place',
      [{ recordHash: hash }, { recordHash: hash }, { recordHash: hash }],
      'uuu',
    ],
    ['one entry that names nothing', [{ recordHash: hash }], 'uuu'],
    ['an acceptance without a hash', [{ recordId: '1', status: 'accepted' }], 'uuu'],
    ['the hash and an error', [{ recordId: '1', recordHash: hash, error: 'x' }], 'uuu'],
    [
      'a rejection that says accepted',
      { rejected: [{ recordId: '1', status: 'accepted' }] },
      'uuu',
    ],
    ['one record twice', [ok('1'), ok('1')], 'uuu'],
    [
      'one record accepted and rejected',
      { accepted: [ok('1')], rejected: [{ recordId: '1' }] },
      'uuu',
    ],
    [
      'an index beyond the request',
      [
        { index: 3, recordHash: hash },
        { index: -1, recordHash: hash },
        { index: 0.5, recordHash: hash },
      ],
      'uuu',
    ],
    ['an index that contradicts the id', [{ index: 0, recordId: '2', recordHash: hash }], 'uuu'],
    [
      'a key that contradicts the id',
      [{ idempotencyKey: 'key-1', recordId: '2', recordHash: hash }],
      'uuu',
    ],
    ['another collection', [{ ...(ok('1') as object), collection: 'public.other' }], 'uuu'],
    ['another version', [{ ...(ok('1') as object), recordVersion: '1.4' }], 'uuu'],
    ['a foreign key', [{ idempotencyKey: 'key-9', recordId: '1', recordHash: hash }], 'uuu'],
  ];
  test.each(table)('H-02: %s', (_name, answer, expected) => {
    expect(read(answer)).toBe(expected);
  });

  test('H-02: an id that two items share matches neither', () => {
    const [first] = items;
    if (first === undefined) throw new Error('no item');
    const other = { ...first, collection: 'public.lines', idempotencyKey: 'key-other' };
    expect(read([ok('1'), ok('1')], [first, other])).toBe('uu');
    expect(read([{ index: 1, recordId: '1', recordHash: hash }], [first, other])).toBe('ua');
  });

  test('H-02: a key that two items share matches neither, also in its place', () => {
    const [first] = items;
    if (first === undefined) throw new Error('no item');
    const other = { ...first, recordId: '9' };
    const shared = { idempotencyKey: first.idempotencyKey, recordHash: hash };
    expect(read([shared, shared], [first, other])).toBe('uu');
    expect(read([{ ...shared, recordId: '1' }], [first, other])).toBe('uu');
  });

  test('members of the prototype are no answer', () => {
    expect(read(parseJson('[{"__proto__":{"recordId":"1","recordHash":"x"}}]'))).toBe('uuu');
    expect(read({ constructor: [ok('1')] })).toBe('uuu');
  });
});

describe('findRecord', () => {
  const [item] = items;
  const found = { recordId: '1', recordVersion: '1.5', recordHash: hash };
  const table: readonly (readonly [string, JsonValue, string])[] = [
    ['the version', { items: [found] }, 'found'],
    ['an array', [found], 'found'],
    ['other versions', { items: [{ ...found, recordVersion: '1.4' }] }, 'absent'],
    ['nothing', { items: [] }, 'absent'],
    ['another collection', { items: [{ ...found, collection: 'x' }] }, 'absent'],
    [
      'another record, as if the filter were ignored',
      { items: [{ ...found, recordId: '2' }] },
      'absent',
    ],
    [
      'another key: another change of the same version',
      { items: [{ ...found, idempotencyKey: 'x' }] },
      'absent',
    ],
    ['no version', { items: [{ recordId: '1', recordHash: hash }] }, 'unknown'],
    ['no list', { status: 'ok' }, 'unknown'],
    ['what is no object', { items: ['1'] }, 'unknown'],
    ['a next page', { items: [], nextCursor: 'abc' }, 'more'],
    ['more, but no cursor', { items: [], hasMore: true }, 'unknown'],
    ['a total beyond the page', { items: [], total: 1 }, 'unknown'],
  ];
  test.each(table)('H-07: %s', (_name, answer, expected) => {
    if (item === undefined) throw new Error('no item');
    expect(findRecord(answer, item).type).toBe(expected);
  });
});
