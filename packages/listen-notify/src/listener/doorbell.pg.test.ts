import type { SourceEvent } from '@certyo-cdc/core';
import { resolveConnection } from '@certyo-cdc/postgres';
import { faultProxy, type TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { type Doorbell, type DoorbellOptions, openDoorbell } from './doorbell.ts';
import { type ListenerOptions, normalizeListenerOptions } from './listener-options.ts';

const { signal } = new AbortController();
const LOCK = { classId: 1_234_567, objectId: 4_294_967_295 };
const QUICK: ListenerOptions = {
  heartbeatMs: 50,
  answerTimeoutMs: 1_000,
  reconnect: { minDelayMs: 10, maxDelayMs: 50 },
};

interface Opened extends AsyncDisposable {
  readonly bell: Doorbell;
  readonly events: SourceEvent[];
}

async function open(
  database: Pick<TestDatabase, 'url'>,
  options: Partial<DoorbellOptions> = {},
): Promise<Opened> {
  const events: SourceEvent[] = [];
  const bell = await openDoorbell({
    connection: resolveConnection(database.url, {}),
    channel: 'Bell "1"',
    lock: LOCK,
    settings: normalizeListenerOptions(QUICK),
    signal,
    onEvent: (event) => void events.push(event),
    ...options,
  });
  return { bell, events, [Symbol.asyncDispose]: () => bell[Symbol.asyncDispose]() };
}

/** What the statement trigger of the change log does. */
const RING = `DO $$ BEGIN
  IF pg_try_advisory_lock_shared(${LOCK.classId}, ${LOCK.objectId | 0}) THEN
    PERFORM pg_advisory_unlock_shared(${LOCK.classId}, ${LOCK.objectId | 0});
  ELSE
    PERFORM pg_notify('Bell "1"', '');
  END IF;
END $$`;

const FOREVER = { timeoutMs: false, signal } as const;
const SHORT = { timeoutMs: 100, signal } as const;

/** The listening connection's process, by the lock or by what it last asked. */
async function listenerPid(database: TestDatabase): Promise<string> {
  const [row] = await database.query<{ pid: string }>(
    "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'certyo-cdc'",
  );
  return row?.pid ?? '';
}

describe(openDoorbell, () => {
  test('N-11: rings on a channel whose name needs quotes, and once for many rings', async () => {
    await using database = await testDatabase();
    await using it = await open(database, { lock: null });
    expect(await it.bell.arm({ signal })).toBe(true);
    await database.query(`SELECT pg_notify('Bell "1"', x::text) FROM generate_series(1, 10) AS x`);
    expect(await it.bell.ring(FOREVER)).toBe('rung');
    expect(await it.bell.ring(SHORT)).toBe('timeout');
    await database.query(`SELECT pg_notify('bell "1"', '')`);
    expect(await it.bell.ring(SHORT)).toBe('timeout');
  });

  test('rings while it is armed, and not while it is not', async () => {
    await using database = await testDatabase();
    await using it = await open(database);
    await database.query(RING);
    expect(await it.bell.ring(SHORT)).toBe('timeout');
    for (let round = 0; round < 3; round += 1) {
      expect(await it.bell.arm({ signal })).toBe(true);
      expect(await it.bell.arm({ signal })).toBe(true);
      const ring = it.bell.ring(FOREVER);
      await database.query(RING);
      expect(await ring).toBe('rung');
      await it.bell.disarm({ signal });
      await database.query(RING);
      expect(await it.bell.ring(SHORT)).toBe('timeout');
    }
  });

  test('keeps a ring that nobody waits for, until it is armed again', async () => {
    await using database = await testDatabase();
    await using it = await open(database);
    await it.bell.arm({ signal });
    await database.query(RING);
    expect(await it.bell.ring(FOREVER)).toBe('rung');
    await database.query(RING);
    await expect.poll(() => it.bell.ring(SHORT)).toBe('rung');
    await database.query(RING);
    await it.bell.disarm({ signal });
    await it.bell.arm({ signal });
    expect(await it.bell.ring(SHORT)).toBe('timeout');
  });

  test('N-09: a lost connection and the new one both mean that a ring may have been missed', async () => {
    await using database = await testDatabase();
    await using it = await open(database);
    await it.bell.arm({ signal });
    const before = await listenerPid(database);
    await database.query('SELECT pg_terminate_backend($1)', [before]);
    expect(await it.bell.ring(FOREVER)).toBe('missed');
    expect(it.events).toMatchObject([{ type: 'source-warned', code: 'LISTENER_LOST' }]);
    await expect.poll(() => it.bell.arm({ signal })).toBe(true);
    expect(await listenerPid(database)).not.toBe(before);
    await database.query(RING);
    expect(await it.bell.ring(FOREVER)).toBe('rung');
  });

  test('N-08: a half-open connection is noticed and replaced; the lock of the old one is taken over', async () => {
    await using database = await testDatabase();
    const { host, port } = new URL(database.url);
    await using proxy = await faultProxy({
      target: { host: host.split(':')[0] ?? '', port: Number(port) },
    });
    const url = new URL(database.url);
    url.host = `${proxy.host}:${proxy.port}`;
    await using it = await open(
      { url: url.href },
      { settings: normalizeListenerOptions({ ...QUICK, answerTimeoutMs: 300 }) },
    );
    await it.bell.arm({ signal });
    const before = Date.now();
    proxy.set({ blackhole: 'both' });
    expect(await it.bell.ring(FOREVER)).toBe('missed');
    expect(Date.now() - before).toBeLessThan(5_000);
    expect(await it.bell.arm({ signal })).toBe(false);
    await database.query('SELECT 1');
    // The old connection still stands as far as the server knows, with its lock.
    proxy.retarget({ host: host.split(':')[0] ?? '', port: Number(port) });
    await proxy.refuse();
    await expect.poll(() => it.events.length).toBeGreaterThan(1);
    await proxy.heal();
    await expect.poll(() => it.bell.arm({ signal })).toBe(true);
    await database.query(RING);
    expect(await it.bell.ring(FOREVER)).toBe('rung');
  });
});
