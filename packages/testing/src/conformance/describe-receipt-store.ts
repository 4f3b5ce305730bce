import type { Receipt, ReceiptStore } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

/** A store of receipts that is empty at first. */
export interface ReceiptStoreFixture extends AsyncDisposable {
  readonly store: ReceiptStore;
  /** How many receipts it holds. */
  count(): Promise<number>;
}

/** What `describeReceiptStore` runs against. */
export interface ReceiptStoreHarness {
  create(): Promise<ReceiptStoreFixture>;
}

const { signal } = new AbortController();
const MARK = '2026-01-01T00:00:00.000000Z';
const LATER_MARK = '2026-01-02T00:00:00.000000Z';

function receipt(recordId: string, more: Partial<Receipt> = {}): Receipt {
  return {
    database: 'shop',
    collection: 'public.orders',
    recordId,
    recordVersion: '000001-1',
    eventId: `event of ${recordId}`,
    operationType: 'insert',
    payloadFingerprint: '0123456789abcdef'.repeat(4),
    recordHash: `hash of ${recordId}`,
    acceptedAt: '2026-04-14T10:00:05.123Z',
    replayed: false,
    table: {
      schema: 'public',
      name: 'orders',
      columns: [{ name: 'id', type: 'bigint', isKey: true }],
      fingerprint: 'ab'.repeat(32),
    },
    ...more,
  };
}

/**
 * The suite that every `ReceiptStore` passes: what is stored is there once, is found by record and version, and marks never
 * look younger than they are. Call it at the top level of a vitest file.
 */
export function describeReceiptStore(name: string, harness: ReceiptStoreHarness): void {
  describe(`ReceiptStore: ${name}`, () => {
    test('keeps each receipt once, however often and with whatever others it comes', async () => {
      await using fixture = await harness.create();
      const { store } = fixture;
      const [first, second] = [receipt('a'), receipt('b')];
      await store.store([], { signal });
      await store.store([first], { signal });
      await store.store([first, second], { signal });
      await store.store([{ ...first, replayed: true }, receipt('c')], { signal });
      await Promise.all(
        Array.from({ length: 5 }, (_, n) =>
          store.store([receipt(`many ${String(n)}`), { ...second, replayed: true }], { signal }),
        ),
      );
      expect(await fixture.count()).toBe(8);
    });

    test('finds versions exactly, in the order in which they are asked for', async () => {
      await using fixture = await harness.create();
      const { store } = fixture;
      const other = receipt('a', { recordVersion: '000001-2', recordHash: null });
      await store.store([receipt('a'), other], { signal });
      const found = await store.find(
        [
          receipt('b'),
          other,
          receipt('a', { recordVersion: '000001' }),
          receipt('a', { collection: 'public.others' }),
          receipt('a'),
        ],
        { signal },
      );
      expect(found.map((each) => each?.recordHash ?? null)).toEqual([
        null,
        null,
        null,
        null,
        'hash of a',
      ]);
      expect(found.map((each) => each !== null)).toEqual([false, true, false, false, true]);
      expect(Date.parse(found[4]?.acceptedAt ?? '')).toBe(Date.parse('2026-04-14T10:00:05.123Z'));
      expect(await store.find([], { signal })).toEqual([]);
    });

    test('the newest of a record is that of the greatest version, whenever it was stored', async () => {
      await using fixture = await harness.create();
      const { store } = fixture;
      const newest = receipt('a', { recordVersion: '000002-1', operationType: 'delete' });
      await store.store([newest], { signal });
      await store.store([receipt('a', { recordVersion: '000001-9' }), receipt('b')], { signal });
      expect(await store.latest([receipt('z'), receipt('a'), receipt('b')], { signal })).toEqual([
        null,
        {
          recordVersion: '000002-1',
          operationType: 'delete',
          payloadFingerprint: newest.payloadFingerprint,
          hasFailed: false,
        },
        {
          recordVersion: '000001-1',
          operationType: 'insert',
          payloadFingerprint: newest.payloadFingerprint,
          hasFailed: false,
        },
      ]);
    });

    test('marks are kept by pipeline, and the same one keeps its age', async () => {
      await using fixture = await harness.create();
      const { store } = fixture;
      expect(await store.sendMarks('p', { signal })).toEqual([]);
      const first = await store.addSendMark('p', MARK, { signal });
      expect(first.upTo).toBe(MARK);
      expect(Math.abs(first.sinceMs - Date.now())).toBeLessThan(60_000);
      await store.addSendMark('p', LATER_MARK, { signal });
      await store.addSendMark('other', MARK, { isOfUnknownAge: true, signal });
      const again = await store.addSendMark('p', MARK, { signal });
      expect(again.sinceMs).toBeLessThan(first.sinceMs + 1_000);
      const marks = await store.sendMarks('p', { signal });
      expect(marks.map(({ upTo }) => upTo).sort()).toEqual([MARK, LATER_MARK]);
      expect(await store.sendMarks('other', { signal })).toEqual([
        { upTo: MARK, sinceMs: -Infinity },
      ]);
    });

    test('an abort rejects with its reason', async () => {
      await using fixture = await harness.create();
      const { store } = fixture;
      const reason = new Error('enough');
      const aborted = { signal: AbortSignal.abort(reason) };
      await expect(store.store([receipt('a')], aborted)).rejects.toBe(reason);
      await expect(store.latest([receipt('a')], aborted)).rejects.toBe(reason);
      await expect(store.find([receipt('a')], aborted)).rejects.toBe(reason);
      await expect(store.sendMarks('p', aborted)).rejects.toBe(reason);
      await expect(store.addSendMark('p', MARK, aborted)).rejects.toBe(reason);
      expect(await fixture.count()).toBe(0);
    });
  });
}
