import { type Receipt, ReceiptError } from '@certyo-cdc/core';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { ITEMS, receipt } from '../testing/receipts.ts';
import { type PostgresReceiptStore, postgresReceiptStore } from './postgres-receipt-store.ts';

const { signal } = new AbortController();

type Database = Awaited<ReturnType<typeof testDatabase>>;

async function open(): Promise<
  { database: Database; store: PostgresReceiptStore } & AsyncDisposable
> {
  const database = await testDatabase();
  const store = postgresReceiptStore({ connection: database.url });
  await store.setup({ signal });
  return {
    database,
    store,
    async [Symbol.asyncDispose]() {
      await store.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

async function stored(database: Database): Promise<number> {
  const [row] = await database.query<{ count: string }>('SELECT count(*) FROM certyo.receipts');
  return Number(row?.count);
}

describe('postgresReceiptStore', () => {
  test('keeps receipts with everything that they say, and finds them again', async () => {
    await using it = await open();
    const acceptedAt = '2026-04-14T10:00:05.1234567Z';
    const first = receipt('a', { acceptedAt, replayed: true });
    const nothing = receipt('$truncate', {
      table: null,
      eventId: null,
      recordHash: null,
      operationType: 'upsert',
    });
    await it.store.store([first, nothing], { signal });
    const [kept] = await it.store.history(first, { signal });
    const { payloadFingerprint, recordHash } = first;
    expect(kept).toMatchObject({
      ...first,
      acceptedAt: '2026-04-14T10:00:05.123456Z',
      state: 'pending',
      looks: 0,
      anchoredAt: null,
      table: ITEMS,
    });
    expect(await it.store.history(nothing, { signal })).toMatchObject([
      { ...nothing, acceptedAt: expect.any(String) as string },
    ]);
    expect(await it.store.find([receipt('b'), first], { signal })).toEqual([
      null,
      { payloadFingerprint, recordHash, acceptedAt: '2026-04-14T10:00:05.123456Z' },
    ]);
  });

  test('the same receipt again changes nothing, also under another time, and beside others', async () => {
    await using it = await open();
    const first = receipt('a');
    const second = receipt('b', { acceptedAt: null });
    await it.store.store([first, second], { signal });
    await it.store.store([{ ...first, replayed: true }], { signal });
    await it.store.store([first, second], { signal });
    const laterAt = new Date(Date.now() + 5000).toISOString();
    const third = receipt('c');
    await it.store.store(
      [{ ...first, replayed: true, acceptedAt: laterAt }, { ...second, replayed: true }, third],
      { signal },
    );
    expect(await stored(it.database)).toBe(3);
    // Sent again after a day, it has two effects at the API: both are told.
    await it.store.store([{ ...first, acceptedAt: laterAt }], { signal });
    expect(await it.store.history(first, { signal })).toHaveLength(2);
  });

  test('finds the newest version of a record by its version, not by its time', async () => {
    await using it = await open();
    const versions = ['000001-9', '000002-1', '000001-10'];
    await it.store.store(
      versions.map((recordVersion) => receipt('a', { recordVersion })),
      { signal },
    );
    await it.store.store([receipt('a', { collection: 'public.others' })], { signal });
    const records = [receipt('z'), receipt('a'), receipt('a', { collection: 'public.others' })];
    const latest = await it.store.latest(records, { signal });
    expect(latest.map((each) => each?.recordVersion ?? null)).toEqual([
      null,
      '000002-1',
      '000001-1',
    ]);
    await it.database.query(
      "UPDATE certyo.receipts SET state = 'failed' WHERE record_version = '000002-1'",
    );
    expect(await it.store.latest(records.slice(1, 2), { signal })).toMatchObject([
      { hasFailed: true, operationType: 'insert' },
    ]);
  });

  test('what names and times can hold is kept or told apart', async () => {
    await using it = await open();
    const long = 'x'.repeat(20_000);
    const odd: Receipt[] = [
      receipt(long),
      receipt(`${long}y`),
      receipt('{"a",\\b}\' NULL é 😀\n'),
      receipt('NUL \0', { database: 'a"b', collection: 'c\0d' }),
      receipt('half \uD83D'),
      receipt('', { collection: '' }),
      receipt('t1', { acceptedAt: 'yesterday' }),
      receipt('t2', { acceptedAt: '0001-01-01T00:00:00Z' }),
      receipt('t3', { acceptedAt: '9999-12-31T23:59:59.9999999Z' }),
      receipt('t4', { acceptedAt: '2199-12-31T23:59:59+02:00' }),
    ];
    await it.store.store(odd, { signal });
    expect(await stored(it.database)).toBe(odd.length);
    expect((await it.store.find(odd, { signal })).every((found) => found !== null)).toBe(true);
  });

  test('thousands from many callers at once, each once', async () => {
    await using it = await open();
    await Promise.all(
      Array.from({ length: 40 }, (_, part) =>
        it.store.store(
          Array.from({ length: 250 }, (__, index) => receipt(`${String(part)}/${String(index)}`)),
          { signal },
        ),
      ),
    );
    expect(await stored(it.database)).toBe(10_000);
    const commits = await it.database.query<{ n: string }>(
      'SELECT count(DISTINCT stored_at) AS n FROM certyo.receipts',
    );
    // What waited went together.
    expect(Number(commits[0]?.n)).toBeLessThan(10);
  });

  test('tells what is pending, failed and oldest, page by page', async () => {
    await using it = await open();
    const times = [3, 1, 2].map((minute) => `2026-01-01T00:0${String(minute)}:00.000000Z`);
    await it.store.store(
      times.map((acceptedAt, index) => receipt(String(index), { acceptedAt })),
      { signal },
    );
    expect(await it.store.summary({ signal })).toEqual({
      pending: 3,
      overdue: 0,
      failed: 0,
      oldestPendingAt: times[1],
    });
    const first = await it.store.list({ state: 'pending', limit: 2, signal });
    expect(first.map(({ recordId }) => recordId)).toEqual(['1', '2']);
    const after = first.at(-1)?.cursor;
    const rest = await it.store.list({ state: 'pending', limit: 2, after, signal });
    expect(rest.map(({ recordId }) => recordId)).toEqual(['0']);
    await it.database.query("UPDATE certyo.receipts SET state = 'failed' WHERE record_id = '1'");
    expect(await it.store.list({ state: 'failed', limit: 9, signal })).toHaveLength(1);
    expect(await it.store.summary({ signal })).toMatchObject({ pending: 2, failed: 1 });
    expect(await it.store.requeueFailed({ limit: 9, signal })).toBe(1);
    expect(await it.store.summary({ signal })).toMatchObject({ pending: 3, failed: 0 });
    expect(await it.store.anchoredWithin({ since: new Date(0), signal })).toMatchObject({
      receipts: 0,
      p50Ms: null,
    });
    await expect(it.store.list({ state: 'failed', limit: 9, after: 'x', signal })).rejects.toThrow(
      'cursor',
    );
  });

  test('send marks: the first of a time keeps its age, and those beyond any window become one', async () => {
    await using it = await open();
    const mark = async (upTo: string): Promise<number> => {
      const { sinceMs } = await it.store.addSendMark('p', upTo, { signal });
      return sinceMs;
    };
    const before = Date.now();
    expect(await mark('2026-01-01T00:00:00.000000Z')).toBeGreaterThan(before - 1000);
    await mark('2026-01-02T00:00:00.000000Z');
    await it.store.addSendMark('other', '2026-01-01T00:00:00.000000Z', { signal });
    await it.database.query(
      "UPDATE certyo.receipt_send_marks SET since = since - interval '30 hours' WHERE pipeline = 'p'",
    );
    expect(await mark('2026-01-02T00:00:00.000000Z')).toBeLessThan(before - 29 * 3_600_000);
    await mark('2026-01-03T00:00:00.000000Z');
    const marks = await it.store.sendMarks('p', { signal });
    expect(marks.map(({ upTo }) => upTo.slice(0, 10))).toEqual(['2026-01-02', '2026-01-03']);
    expect(marks[0]?.sinceMs).toBeLessThan(before - 29 * 3_600_000);
    expect(marks[1]?.sinceMs).toBeGreaterThan(before - 60_000);
    expect(await it.store.sendMarks('other', { signal })).toHaveLength(1);
    const unknown = { isOfUnknownAge: true, signal };
    const early = '2025-01-01T00:00:00.000000Z';
    expect(await it.store.addSendMark('p', early, unknown)).toMatchObject({ sinceMs: -Infinity });
    // It is merged too: what is below the other one now may be as old.
    await mark('2026-01-04T00:00:00.000000Z');
    const merged = await it.store.sendMarks('p', { signal });
    expect(merged.map(({ upTo }) => upTo.slice(8, 10))).toEqual(['02', '03', '04']);
    expect(merged[0]?.sinceMs).toBe(-Infinity);
  });

  test('says what to run when it is not set up; abort and close settle what waits', async () => {
    await using it = await open();
    await it.store.teardown({ signal });
    const error: unknown = await it.store
      .store([receipt('a')], { signal })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ReceiptError);
    expect(error).toMatchObject({
      retryable: false,
      remedy: expect.stringContaining('CREATE TABLE IF NOT EXISTS "certyo".receipts') as string,
    });
    await it.store.setup({ signal });
    await it.store.store([receipt('a')], { signal });
    const reason = new Error('enough');
    await expect(
      it.store.store([receipt('b')], { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    const controller = new AbortController();
    const lock = await it.database.client();
    await lock.query('BEGIN; LOCK TABLE certyo.receipts');
    const waiting = it.store.store([receipt('c')], { signal: controller.signal });
    const other = it.store.store([receipt('d')], { signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await lock.query('ROLLBACK');
    await other;
    await it.store.close();
    await expect(it.store.store([receipt('e')], { signal })).rejects.toThrow();
  });
});
