import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PayloadKeys, payloadMac, readPayload } from './payload-message.ts';
import { ReplayGuard } from './replay-guard.ts';
import { ToldTransactions } from './told-transactions.ts';

const KEYS: PayloadKeys = { inner: Buffer.alloc(64, 1), outer: Buffer.alloc(64, 2) };
const ROW = 'R 7 1700000000000000 815 16384 0123456789abcdef (0,1) (0,2) (1,"größer 🐘\n")';

function signed(body: string, keys: PayloadKeys = KEYS): string {
  return `certyo1 ${payloadMac(body, keys)} ${body}`;
}

describe(readPayload, () => {
  test('reads what the trigger signs', () => {
    expect(readPayload(signed(ROW), KEYS)).toEqual({
      kind: 'row',
      mac: payloadMac(ROW, KEYS),
      processId: 7,
      writtenAtMicros: 1_700_000_000_000_000,
      transaction: '815',
      relation: 16_384,
      columns: '0123456789abcdef',
      replaces: '16384 (0,1)',
      place: '16384 (0,2)',
      row: '(1,"größer 🐘\n")',
    });
    expect(readPayload(signed('L 7 815 16384 - (0,2)'), KEYS)).toEqual({
      kind: 'large',
      processId: 7,
      transaction: '815',
      replaces: null,
    });
    expect(readPayload(signed('V 7 815'), KEYS)).toEqual({
      kind: 'void',
      processId: 7,
      transaction: '815',
    });
  });

  test('N-14: takes nothing that is forged or garbled', () => {
    const other = { inner: Buffer.alloc(64, 2), outer: Buffer.alloc(64, 1) };
    for (const forged of [
      '',
      'certyo1',
      ROW,
      signed(ROW, other),
      signed(ROW).replace('(1,', '(2,'),
      `${signed(ROW)})`,
      signed(ROW).toUpperCase(),
      ` ${signed(ROW)}`,
      signed(ROW.replace('R 7', 'R -7')),
      signed(ROW.replace('(0,2)', '0,2')),
      signed('V 7 815 1'),
      signed('x'.repeat(100_000)),
    ])
      expect(readPayload(forged, KEYS)).toBeNull();
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), (text, at) => {
        const payload = signed(ROW);
        const cut = at % payload.length;
        expect(readPayload(text, KEYS)).toBeNull();
        const garbled = payload.slice(0, cut) + text + payload.slice(cut + text.length);
        if (garbled !== payload) expect(readPayload(garbled, KEYS)).toBeNull();
      }),
    );
  });
});

describe(ReplayGuard, () => {
  test('N-14: takes a payload once, and none that is old or from the future', () => {
    const guard = new ReplayGuard();
    expect(guard.isNew('early', 1, 0)).toBe(true);
    guard.synchronise(1_000_000_000, 5_000);
    const at = (seconds: number): number => 1_000_000_000 + seconds * 1_000_000;
    expect(guard.isNew('a', at(0), 5_000)).toBe(true);
    expect(guard.isNew('a', at(0), 5_000)).toBe(false);
    expect(guard.isNew('b', at(-61), 5_000)).toBe(false);
    expect(guard.isNew('c', at(-59), 5_000)).toBe(true);
    expect(guard.isNew('d', at(61), 5_000)).toBe(false);
    expect(guard.isNew('a', at(0), 500_000)).toBe(false);
    expect(guard.isNew('e', at(495), 500_000)).toBe(true);
  });

  test('is bounded: what it had to forget counts as known', () => {
    const guard = new ReplayGuard();
    guard.synchronise(1_000_000_000, 0);
    for (let each = 0; each < 60_000; each += 1)
      expect(guard.isNew(String(each), 1_000_000_000 + each, 0)).toBe(true);
    for (const each of [0, 9_999, 59_999])
      expect(guard.isNew(String(each), 1_000_000_000 + each, 0)).toBe(false);
  });
});

describe(ToldTransactions, () => {
  const row = (transaction: string, replaces: string | null, place: string): string =>
    `R 7 1 ${transaction} 1 0123456789abcdef ${replaces ?? '-'} ${place} (x)`;
  const told = new ToldTransactions();
  const add = (body: string, fence: number): void => {
    const message = readPayload(signed(body), KEYS);
    if (message === null || message.kind === 'void') throw new Error('It is not what is meant.');
    told.add(message, fence);
  };
  const places = (fence: number): string[] => told.settled(fence).map((each) => each.place);

  test('gives the last version of each row, once the transaction has told all', () => {
    add(row('5', null, '(0,1)'), 1);
    add(row('5', '(0,1)', '(0,3)'), 2);
    add(row('6', null, '(0,2)'), 2);
    add(row('5', null, '(0,4)'), 2);
    expect(places(0)).toEqual([]);
    expect(places(1)).toEqual(['1 (0,3)', '1 (0,4)']);
    expect(places(2)).toEqual(['1 (0,2)']);
    expect(told.isEmpty).toBe(true);
  });

  test('gives no version that a larger one has replaced, in whichever order they are told', () => {
    add('L 7 5 1 (0,1) (0,2)', 1);
    add(row('5', null, '(0,1)'), 1);
    expect(places(1)).toEqual([]);
  });

  test('gives nothing of a transaction that is dropped, whatever it tells later', () => {
    add(row('5', null, '(0,1)'), 1);
    told.drop('5', 1);
    add(row('5', null, '(0,2)'), 1);
    told.drop('6', 1);
    add(row('6', null, '(0,3)'), 1);
    expect([told.isEmpty, told.ignored, places(1), told.ignored]).toEqual([true, 2, [], 0]);
  });
});
