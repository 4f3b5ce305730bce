import type { SourceEvent } from '@certyo-cdc/core';
import { resolveConnection } from '@certyo-cdc/postgres';
import type { TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { proxied } from '../testing/proxied.ts';
import { fakeTransactionPooler } from '../testing/transaction-pooler.ts';
import { type Doorbell, type DoorbellOptions, openDoorbell } from './doorbell.ts';
import { type ListenerOptions, normalizeListenerOptions } from './listener-options.ts';

const { signal } = new AbortController();
const LOCK = { classId: 1_234_567, objectId: 4_294_967_295 };
const QUICK: ListenerOptions = {
  heartbeatMs: 50,
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

  test('N-06: rings while it is armed, and not while it is not', async () => {
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

  test('N-08: a half-open connection is noticed within seconds, and replaced', async () => {
    await using database = await testDatabase();
    await using way = await proxied(database);
    const settings = normalizeListenerOptions({ ...QUICK, answerTimeoutMs: 1_000 });
    await using it = await open(way, { settings });
    await it.bell.arm({ signal });
    const before = Date.now();
    way.proxy.set({ blackhole: 'both' });
    expect(await it.bell.ring(FOREVER)).toBe('missed');
    expect(Date.now() - before).toBeLessThan(20_000);
    expect(await it.bell.arm({ signal })).toBe(false);
    await way.proxy.heal();
    await expect.poll(() => it.bell.arm({ signal })).toBe(true);
    await database.query(RING);
    await expect.poll(() => it.bell.ring(SHORT)).toBe('rung');
  });

  test('N-08: takes the lock over from a reader whose connection is dead for everybody but the server', async () => {
    await using database = await testDatabase();
    await using dead = await open(database);
    await dead.bell.arm({ signal });
    await using it = await open(database);
    expect(await it.bell.arm({ signal })).toBe(true);
    expect(it.events).toMatchObject([{ type: 'source-warned', code: 'DOORBELL_HOLDER_ENDED' }]);
    expect(await dead.bell.ring(FOREVER)).toBe('missed');
    await database.query(RING);
    expect(await it.bell.ring(FOREVER)).toBe('rung');
  });

  test('cannot be armed while another role holds the lock, and says so instead of waiting', async () => {
    await using database = await testDatabase();
    await using it = await open(database);
    const role = `${database.database}_other`;
    const client = await database.client();
    try {
      await client.query(`CREATE ROLE ${role} LOGIN`);
      const other = await database.client({ user: role });
      await other.query(`SELECT pg_advisory_lock(${LOCK.classId}, ${LOCK.objectId | 0})`);
      expect(await it.bell.arm({ signal })).toBe(false);
      await other.end();
      await expect.poll(() => it.bell.arm({ signal })).toBe(true);
      expect(it.events).toEqual([]);
    } finally {
      await client.query(`DROP ROLE ${role}`);
    }
  });

  test('N-10: an error that the server sends on the listening connection means that a ring may have been missed', async () => {
    await using database = await testDatabase();
    await using pooler = await fakeTransactionPooler(database, { swallows: false });
    await using it = await open(pooler);
    await it.bell.arm({ signal });
    pooler.sendError('ERROR', '58P01');
    expect(await it.bell.ring(FOREVER)).toBe('missed');
    await expect.poll(() => it.bell.arm({ signal })).toBe(true);
    await database.query(RING);
    await expect.poll(() => it.bell.ring(SHORT)).toBe('rung');
  });

  test('N-15, N-05: the listening connection is never in a transaction, and no setting of its role ends it', async () => {
    await using database = await testDatabase();
    await database.query(`ALTER DATABASE "${database.database}" SET idle_session_timeout = '1s'`);
    await database.query(`ALTER DATABASE "${database.database}" SET statement_timeout = '100ms'`);
    const settings = normalizeListenerOptions({ ...QUICK, heartbeatMs: 2_500, selfTestMs: false });
    await using it = await open(database, { settings });
    await it.bell.arm({ signal });
    const pid = await listenerPid(database);
    expect(await it.bell.ring({ timeoutMs: 4_000, signal })).toBe('timeout');
    const [row] = await database.query(
      'SELECT state, xact_start, backend_xmin FROM pg_stat_activity WHERE pid = $1',
      [pid],
    );
    expect(row).toEqual({ state: 'idle', xact_start: null, backend_xmin: null });
  });

  test('N-07: is refused behind a pooler that keeps notifications back', async () => {
    await using database = await testDatabase();
    await using pooler = await fakeTransactionPooler(database);
    const settings = normalizeListenerOptions({ ...QUICK, selfTestMs: 200 });
    await expect(open(pooler, { settings })).rejects.toMatchObject({ code: 'SOURCE_SETUP' });
  });

  test('fails when the login is refused for good, and I12: settles after disposal and abort', async () => {
    await using database = await testDatabase();
    const role = `${database.database}_bell`;
    await database.query(`CREATE ROLE ${role} LOGIN`);
    const url = new URL(database.url);
    url.username = role;
    try {
      await using it = await open({ url: url.href });
      const abort = new AbortController();
      const reason = new Error('enough');
      const ring = it.bell.ring({ timeoutMs: false, signal: abort.signal });
      abort.abort(reason);
      await expect(ring).rejects.toBe(reason);
      await expect(it.bell.arm({ signal: abort.signal })).rejects.toBe(reason);
      await database.query(`ALTER ROLE ${role} NOLOGIN`);
      await database.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1',
        [role],
      );
      expect(await it.bell.ring(FOREVER)).toBe('missed');
      await expect(it.bell.ring(FOREVER)).rejects.toMatchObject({ code: 'SOURCE_LOGIN_REFUSED' });

      await using other = await open(database);
      const last = expect(other.bell.ring(FOREVER)).rejects.toMatchObject({
        code: 'PIPELINE_STATE',
      });
      await other.bell[Symbol.asyncDispose]();
      await last;
      expect(await other.bell.arm({ signal })).toBe(false);
      await other.bell.disarm({ signal });
    } finally {
      await database.query(`DROP ROLE ${role}`);
    }
  });
});
