import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { JsonValue } from '../event/json.ts';
import { decodeBulkAnswer, type BulkItem } from './bulk-answer.ts';
import { bulkVerdict } from './sink-verdicts.ts';
import { readUniformAnswer } from './uniform-answer.ts';

const ITEMS: readonly BulkItem[] = Array.from({ length: 12 }, (_, index) => ({
  database: 'shop',
  collection: index < 11 ? 'public.orders' : 'public.lines',
  recordId: String(index),
  recordVersion: `1-${index}`,
  idempotencyKey: `key-${index}`,
}));

interface Seen {
  readonly type: string;
  readonly replayed: boolean | undefined;
  readonly receipt: JsonValue | undefined;
}

/** What the answer says when it is parsed; null where it is no JSON. */
function parsed(bytes: Buffer, items: readonly BulkItem[]): readonly Seen[] | null {
  let answer: JsonValue;
  try {
    answer = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as JsonValue;
  } catch {
    return null;
  }
  return decodeBulkAnswer(answer, items).map((verdict) => seen(bulkVerdict(verdict, 202)));
}

function seen(verdict: ReturnType<typeof bulkVerdict>): Seen {
  return verdict.type === 'delivered'
    ? { type: verdict.type, replayed: verdict.replayed, receipt: verdict.receipt }
    : { type: verdict.type, replayed: undefined, receipt: undefined };
}

function uniform(text: string | Buffer, items: readonly BulkItem[]): readonly Seen[] | null {
  return readUniformAnswer(Buffer.from(text), items)?.map(seen) ?? null;
}

type Entry = Readonly<Record<string, unknown>>;

const entry = (index: number, more: Entry = {}): Entry => ({
  index,
  status: 'accepted',
  recordHash: `${index}`.padStart(64, 'a'),
  acceptedAt: '2026-01-01T00:00:00.000Z',
  idempotencyReplayed: false,
  ...more,
});

const answerOf = (entries: readonly Entry[], rest: Entry = { accepted: entries.length }): string =>
  JSON.stringify({ results: entries, ...rest });

const all = (items: readonly BulkItem[], more: (item: BulkItem) => Entry = () => ({})): Entry[] =>
  items.map((item, index) => entry(index, more(item)));

describe('readUniformAnswer', () => {
  test.each([
    ['the usual members', all(ITEMS)],
    ['replayed ones', all(ITEMS, () => ({ idempotencyReplayed: true }))],
    ['a numeric status', all(ITEMS, () => ({ status: 202, error: null }))],
    ['no time', all(ITEMS, () => ({ acceptedAt: undefined }))],
    ['an empty time', all(ITEMS, () => ({ acceptedAt: '' }))],
    [
      'what names the item',
      all(ITEMS, ({ collection, database, recordId, recordVersion }) => ({
        database,
        collection,
        recordId,
        recordVersion,
      })),
    ],
  ])('reads entries with %s without parsing them, and says the same', (_name, entries) => {
    const answer = answerOf(entries);
    expect(uniform(answer, ITEMS)).not.toBeNull();
    expect(uniform(answer, ITEMS)).toEqual(parsed(Buffer.from(answer), ITEMS));
  });

  const swapped = all(ITEMS);
  const [zeroth, first, ...others] = swapped;
  test.each([
    ['an entry too few', answerOf(all(ITEMS).slice(1))],
    ['an entry too few at the end', answerOf(all(ITEMS).slice(0, -1))],
    ['an entry too many', answerOf([...all(ITEMS), entry(12)])],
    ['another order', answerOf([first ?? {}, zeroth ?? {}, ...others])],
    ['an index twice', answerOf([zeroth ?? {}, zeroth ?? {}, ...others])],
    [
      'one that is rejected',
      answerOf([...all(ITEMS).slice(0, -1), entry(11, { status: 'rejected' })]),
    ],
    ['one without a hash', answerOf([...all(ITEMS).slice(0, -1), entry(11, { recordHash: '' })])],
    [
      'one that was replayed',
      answerOf([...all(ITEMS).slice(0, -1), entry(11, { idempotencyReplayed: true })]),
    ],
    ['a record of another place', answerOf(all(ITEMS, () => ({ collection: 'public.orders' })))],
    ['a record of another id', answerOf(all(ITEMS, () => ({ recordId: '0' })))],
    ['keys', answerOf(all(ITEMS, ({ idempotencyKey }) => ({ idempotencyKey })))],
    ['something nested', answerOf(all(ITEMS, () => ({ result: { status: 'rejected' } })))],
    ['an escape', answerOf(all(ITEMS, () => ({ acceptedAt: 'a"b' })))],
    ['a list of failures', answerOf(all(ITEMS), { errors: [{ index: 3 }] })],
    ['the list again', answerOf(all(ITEMS)).replace(/\}$/, ',"results":null}')],
    ['an end that is no JSON', answerOf(all(ITEMS)).slice(0, -1)],
    ['more behind the end', `${answerOf(all(ITEMS))}x`],
    ['a name twice', answerOf(all(ITEMS)).replaceAll('"status"', '"index":0,"status"')],
    ['an index that begins with a zero', answerOf(all(ITEMS)).replace('"index":0', '"index":00')],
    ['failures only', answerOf(all(ITEMS)).replace('results', 'rejected')],
    ['a bare list', JSON.stringify(all(ITEMS))],
    ['nothing', ''],
  ])('leaves an answer with %s to the parser', (_name, answer) => {
    expect(uniform(answer, ITEMS)).toBeNull();
  });

  test('says nothing that the parser does not say, whatever byte of an answer is another one', () => {
    const answer = Buffer.from(
      answerOf(
        all(ITEMS, ({ recordId }) => ({ recordId })),
        { accepted: 12, rejected: 0 },
      ),
    );
    fc.assert(
      fc.property(
        fc.nat(answer.length - 1),
        fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[],:019atnr '))),
        fc.constantFrom('replace', 'insert', 'remove'),
        (at, code, how) => {
          const changed = Buffer.concat([
            answer.subarray(0, at),
            how === 'remove' ? Buffer.alloc(0) : Buffer.from([code]),
            answer.subarray(how === 'insert' ? at : at + 1),
          ]);
          const said = readUniformAnswer(changed, ITEMS);
          if (said !== null) expect(said.map(seen)).toEqual(parsed(changed, ITEMS));
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
