import { ConfigurationError, type SourceEvent } from '@certyo-cdc/core';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { proxied } from '../testing/proxied.ts';
import { fakeTransactionPooler } from '../testing/transaction-pooler.ts';
import type { NotificationItem } from './notification-item.ts';
import { notifications, type NotificationStream } from './notifications.ts';
import type { NotificationsOptions } from './options.ts';

const QUICK = {
  listener: {
    heartbeatMs: 50,
    reconnect: { minDelayMs: 10, maxDelayMs: 50 },
  },
  env: {},
} as const;

function listen(url: string, options: Partial<NotificationsOptions> = {}): NotificationStream {
  return notifications({ connection: url, channels: ['a', 'B "2"'], ...QUICK, ...options });
}

async function next(stream: NotificationStream): Promise<NotificationItem | undefined> {
  return (await stream.next()).value;
}

describe(notifications, () => {
  test('N-11: gives channel, payload and sender of each, in order, on several channels', async () => {
    await using database = await testDatabase();
    await using stream = listen(database.url);
    await stream.listening();
    await database.query(
      `SELECT pg_notify('a', 'one'), pg_notify('b "2"', 'no'), pg_notify('B "2"', 'größer 🐘')`,
    );
    await database.query(`NOTIFY a`);
    const [row] = await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const processId = row?.pid;
    expect([await next(stream), await next(stream), await next(stream)]).toEqual([
      { type: 'notification', channel: 'a', payload: 'one', processId },
      { type: 'notification', channel: 'B "2"', payload: 'größer 🐘', processId },
      { type: 'notification', channel: 'a', payload: '', processId },
    ]);
  });

  test('N-04: equal notifications of one transaction come once; none of one that is rolled back', async () => {
    await using database = await testDatabase();
    await using stream = listen(database.url);
    await stream.listening();
    await database.query(`SELECT pg_notify('a', 'same') FROM generate_series(1, 3)`);
    await database.query(`DO $$ BEGIN
      PERFORM pg_notify('a', 'rolled back'); RAISE EXCEPTION 'no';
    EXCEPTION WHEN OTHERS THEN END $$`);
    await database.query(`SELECT pg_notify('a', 'last')`);
    expect(await next(stream)).toMatchObject({ payload: 'same' });
    expect(await next(stream)).toMatchObject({ payload: 'last' });
  });

  test('N-01: says what may have been lost when the connection is back', async () => {
    await using database = await testDatabase();
    await using way = await proxied(database);
    const events: SourceEvent[] = [];
    const before = Date.now();
    await using stream = listen(way.url, { onEvent: (event) => void events.push(event) });
    await stream.listening();
    await database.query(`SELECT pg_notify('a', '1')`);
    expect(await next(stream)).toMatchObject({ payload: '1' });
    await way.proxy.refuse();
    way.proxy.reset();
    const item = next(stream);
    await expect.poll(() => events.length).toBeGreaterThan(1);
    await database.query(`SELECT pg_notify('a', 'nobody hears this')`);
    await way.proxy.accept();
    const missed = await item;
    expect(missed).toEqual({ type: 'missed', sinceMs: expect.any(Number) });
    const sinceMs = missed?.type === 'missed' ? missed.sinceMs : 0;
    expect(sinceMs).toBeGreaterThanOrEqual(before);
    expect(sinceMs).toBeLessThanOrEqual(Date.now());
    // Once it is told, whatever is sent is heard.
    await database.query(`SELECT pg_notify('a', '2')`);
    expect(await next(stream)).toMatchObject({ payload: '2' });
  });

  test('N-07: refuses a pooler in transaction mode, which keeps notifications back', async () => {
    await using database = await testDatabase();
    await using pooler = await fakeTransactionPooler(database);
    await using stream = listen(pooler.url, {
      listener: { ...QUICK.listener, selfTestMs: 300 },
    });
    await expect(stream.next()).rejects.toMatchObject({
      code: 'SOURCE_SETUP',
      message: expect.stringContaining('PgBouncer in transaction mode'),
    });
    expect(pooler.swallowed).toBe(1);
    await using untested = listen(pooler.url, {
      listener: { ...QUICK.listener, selfTestMs: false },
    });
    await untested.listening();
  });

  test('stops when it is full, after what it has taken', async () => {
    await using database = await testDatabase();
    await using stream = listen(database.url, { maxBuffered: 3 });
    await stream.listening();
    await database.query(`SELECT pg_notify('a', x::text) FROM generate_series(1, 5000) AS x`);
    const taken: string[] = [];
    const taking = (async () => {
      for await (const item of stream) if (item.type === 'notification') taken.push(item.payload);
    })();
    await expect(taking).rejects.toMatchObject({ code: 'NOTIFICATIONS_OVERFLOW' });
    expect(taken.length).toBeGreaterThanOrEqual(3);
    expect(taken).toEqual(taken.map((_, index) => String(index + 1)));
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test('puts a marker in the place of what it had no room for, on request', async () => {
    await using database = await testDatabase();
    await using stream = listen(database.url, { maxBuffered: 3, whenFull: 'missed' });
    await stream.listening();
    await database.query(`SELECT pg_notify('a', x::text) FROM generate_series(1, 5000) AS x`);
    const types: unknown[] = [];
    while (types.at(-1) !== 'missed') types.push((await next(stream))?.type);
    // There is room again: what comes now is not missed.
    await database.query(`SELECT pg_notify('a', 'last')`);
    for (;;) {
      const item = await next(stream);
      types.push(item?.type);
      if (item?.type === 'notification' && item.payload === 'last') break;
    }
    expect(types).toContain('missed');
    expect(types.length).toBeLessThan(5_000);
  });

  test('I12: abort, break and disposal end it and its connection', async () => {
    await using database = await testDatabase();
    const abort = new AbortController();
    const reason = new Error('enough');
    const aborted = listen(database.url, { signal: abort.signal });
    await aborted.listening();
    const waiting = aborted.next();
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(listen(database.url, { signal: abort.signal }).next()).rejects.toBe(reason);

    const left = listen(database.url);
    await left.listening();
    await database.query('NOTIFY a');
    for await (const item of left) {
      expect(item.type).toBe('notification');
      break;
    }
    expect(await left.next()).toEqual({ done: true, value: undefined });

    const disposed = listen(database.url);
    const last = disposed.next();
    await disposed[Symbol.asyncDispose]();
    expect(await last).toEqual({ done: true, value: undefined });
    await expect
      .poll(() =>
        database.query(
          "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'certyo-cdc'",
        ),
      )
      .toEqual([]);
  });

  test.each([
    { channels: [] },
    { channels: [''] },
    { channels: ['x'.repeat(64)] },
    { channels: ['é'.repeat(32)] },
    { channels: ['a\0'] },
    { channels: 'a' as unknown as string[] },
    { maxBuffered: 0 },
    { whenFull: 'drop' as 'fail' },
    { listener: { heartbeatMs: 0 } },
    { listener: { reconnect: { minDelayMs: 5, maxDelayMs: 1 } } },
    { other: 1 } as Partial<NotificationsOptions>,
  ])('N-11: refuses %o', (options) => {
    expect(() => listen('postgres://localhost', options)).toThrow(ConfigurationError);
  });
});
