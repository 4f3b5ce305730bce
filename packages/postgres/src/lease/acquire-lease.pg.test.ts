import { faultProxy, type FaultProxy, type TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { resolveConnection } from '../connection/resolve-connection.ts';
import type { SqlSession } from '../connection/sql-executor.ts';
import { sqlSession } from '../connection/sql-session.ts';
import { runSetup } from '../setup/run-setup.ts';
import { stateSetupSql, stateTeardownSql } from '../setup/state-tables.ts';
import { acquireLease } from './acquire-lease.ts';
import { leaseGrantSql, takeSql } from './sql.ts';

const signal = new AbortController().signal;

interface Rig extends AsyncDisposable {
  readonly db: TestDatabase;
  /** A session of its own, closed with the rig. */
  session(url?: string): SqlSession;
  guard(guardSql: string): Promise<string>;
}

async function rig(): Promise<Rig> {
  const db = await testDatabase();
  const sessions: SqlSession[] = [];
  const session = (url: string = db.url): SqlSession => {
    const opened = sqlSession(resolveConnection(url, {}));
    sessions.push(opened);
    return opened;
  };
  const first = session();
  const missing = await stateSetupSql(first, 'certyo', { signal, tables: ['leases'] });
  await runSetup(first, missing, { signal });
  return {
    db,
    session,
    async guard(guardSql) {
      const [row] = await db.query<{ held: string }>(`SELECT ${guardSql} AS held`);
      return row?.held ?? '';
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(sessions.map((each) => each.close()));
      await db[Symbol.asyncDispose]();
    },
  };
}

function through(proxy: FaultProxy, url: string): string {
  const target = new URL(url);
  target.port = String(proxy.port);
  return target.href;
}

describe('acquireLease', () => {
  test('one holds it; the next one gets it at its release, with a greater token', async () => {
    await using it = await rig();
    const events: string[] = [];
    const onEvent = (event: { readonly type: string }): void => void events.push(event.type);
    const first = await acquireLease(it.session(), { name: 'p', holder: 'first', signal });
    expect(first.isHeld()).toBe(true);
    await expect(
      acquireLease(it.session(), { name: 'p', waitMs: 50, signal, onEvent }),
    ).rejects.toMatchObject({
      code: 'SOURCE_BUSY',
      message: expect.stringContaining('held by first/') as string,
    });
    expect(events).toEqual(['source-waiting']);
    const second = acquireLease(it.session(), { name: 'p', waitMs: false, signal });
    await first.release({ signal });
    await first.release({ signal });
    expect(first.isHeld()).toBe(false);
    expect(first.lost.aborted).toBe(false);
    const held = await second;
    expect(held.token).toBeGreaterThan(first.token);
    expect([await it.guard(first.guardSql), await it.guard(held.guardSql)]).toEqual([
      'false',
      'true',
    ]);
    await held.release({ signal });
  });

  test('it is renewed, so that it outlasts its time; another name is another lease', async () => {
    await using it = await rig();
    const lease = await acquireLease(it.session(), { name: "p's \\", ttlMs: 2_000, signal });
    const other = await acquireLease(it.session(), { name: 'q', signal });
    const contender = acquireLease(it.session(), { name: "p's \\", waitMs: 5_000, signal });
    await expect(contender).rejects.toMatchObject({ code: 'SOURCE_BUSY' });
    expect(lease.isHeld()).toBe(true);
    expect(await it.guard(lease.guardSql)).toBe('true');
    await lease.release({ signal });
    await other.release({ signal });
  });

  test('of many that want it at once one gets it, again and again', async () => {
    await using it = await rig();
    const tokens: bigint[] = [];
    let holding = 0;
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        const lease = await acquireLease(it.session(), { name: 'p', waitMs: false, signal });
        holding += 1;
        expect(holding).toBe(1);
        tokens.push(lease.token);
        await it.db.query('SELECT 1');
        holding -= 1;
        await lease.release({ signal });
      }),
    );
    expect(tokens).toEqual([1n, 2n, 3n, 4n, 5n]);
  });

  test('O-05: a process that stood still while another took over knows it before it does anything', async () => {
    await using it = await rig();
    const lease = await acquireLease(it.session(), { name: 'p', ttlMs: 500, signal });
    const other = await it.db.client();
    // As soon as it can be taken, whenever that is.
    const taken = other.query(
      `DO $$ BEGIN
         WHILE EXISTS (SELECT FROM certyo.leases WHERE expires_at > clock_timestamp()) LOOP
           PERFORM pg_sleep(0.01);
         END LOOP;
       END $$; ${takeSql('certyo').replaceAll('$1', "'p'").replaceAll('$2', "'other'").replaceAll('$3', '60000')}`,
    );
    // Until the statement has left this process.
    await expect
      .poll(() =>
        it.db.query(
          "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DO%other%' AND datname = current_database() AND pid <> pg_backend_pid()",
        ),
      )
      .toHaveLength(1);
    // Neither timers nor sockets are served.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
    expect(lease.isHeld()).toBe(false);
    await taken;
    expect(await it.guard(lease.guardSql)).toBe('false');
    await expect.poll(() => lease.lost.aborted).toBe(true);
    expect(lease.lost.reason).toMatchObject({ code: 'SOURCE_BUSY' });
    // A late release does not take it from the other one.
    await lease.release({ signal });
    expect(await it.db.query('SELECT holder FROM certyo.leases WHERE expires_at > now()')).toEqual([
      { holder: 'other' },
    ]);
  });

  test('a lease that has ended is not renewed, even when nobody has taken it', async () => {
    await using it = await rig();
    const lease = await acquireLease(it.session(), { name: 'p', ttlMs: 600, signal });
    await it.db.query("UPDATE certyo.leases SET expires_at = now() - interval '1 second'");
    expect(await it.guard(lease.guardSql)).toBe('false');
    await expect.poll(() => lease.lost.aborted).toBe(true);
    expect(lease.isHeld()).toBe(false);
  });

  test('a holder that cannot reach the server loses it when its time is over, not later than the server', async () => {
    await using it = await rig();
    await using proxy = await faultProxy({ target: { host: it.db.host, port: it.db.port } });
    const held = it.session(through(proxy, it.db.url));
    const lease = await acquireLease(held, { name: 'p', ttlMs: 900, signal });
    proxy.set({ blackhole: 'both' });
    const next = await acquireLease(it.session(), { name: 'p', waitMs: 60_000, signal });
    expect(lease.isHeld()).toBe(false);
    expect(await it.guard(lease.guardSql)).toBe('false');
    await expect.poll(() => lease.lost.aborted).toBe(true);
    await next.release({ signal });
    await proxy.heal();
  });

  test('a connection that is cut or goes silent for a moment costs nothing', async () => {
    await using it = await rig();
    await using proxy = await faultProxy({ target: { host: it.db.host, port: it.db.port } });
    const held = it.session(through(proxy, it.db.url));
    const lease = await acquireLease(held, { name: 'p', ttlMs: 6000, signal });
    proxy.reset();
    await expect.poll(() => proxy.accepted).toBe(2);
    expect(lease.isHeld()).toBe(true);
    expect(lease.lost.aborted).toBe(false);
    await lease.release({ signal });
    expect(await it.guard(lease.guardSql)).toBe('false');
  });

  test('a role with the grants alone, whose transactions are read only by default', async () => {
    await using it = await rig();
    const role = `role_${it.db.database}`;
    await it.db.query(`CREATE ROLE ${role} LOGIN`);
    try {
      const url = new URL(it.db.url);
      url.username = role;
      await expect(acquireLease(it.session(url.href), { name: 'p', signal })).rejects.toMatchObject(
        { code: 'SOURCE_SETUP' },
      );
      await it.db.query(leaseGrantSql(role).join(' '));
      await it.db.query(`ALTER ROLE ${role} SET default_transaction_read_only = on`);
      const lease = await acquireLease(it.session(url.href), { name: 'p', signal });
      const { rows } = await it
        .session(url.href)
        .query<{ readonly held: string }>(`SELECT ${lease.guardSql} AS held`, [], { signal });
      expect(rows[0]?.held).toBe('true');
      await lease.release({ signal });
    } finally {
      await it.db.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1',
        [role],
      );
      await it.db.query(`DROP OWNED BY ${role}`);
      await it.db.query(`DROP ROLE ${role}`);
    }
  });

  test('without the table: what to run; after teardown nothing is left', async () => {
    await using it = await rig();
    const session = it.session();
    const tables = ['leases'] as const;
    expect(await stateSetupSql(session, 'certyo', { signal, tables })).toEqual([]);
    await runSetup(session, await stateTeardownSql(session, 'certyo', { signal, tables }), {
      signal,
    });
    await expect(acquireLease(session, { name: 'p', signal })).rejects.toMatchObject({
      code: 'SOURCE_SETUP',
      remedy: expect.stringContaining('CREATE TABLE IF NOT EXISTS "certyo".leases') as string,
    });
    expect(await stateTeardownSql(session, 'certyo', { signal, tables })).toEqual([]);
  });

  test('an abort while it waits rejects with its reason', async () => {
    await using it = await rig();
    const lease = await acquireLease(it.session(), { name: 'p', signal });
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = acquireLease(it.session(), {
      name: 'p',
      waitMs: false,
      signal: controller.signal,
      onEvent: () => controller.abort(reason),
    });
    await expect(waiting).rejects.toBe(reason);
    await lease.release({ signal });
  });
});
