import { replicationSource } from '@certyo-cdc/replication';
import { openReader, type TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { Instance } from './instance.ts';

/** Processes that are killed or stopped, one after the other. More: TAKEOVER_RUNS=40. */
const RUNS = Number(process.env['TAKEOVER_RUNS'] ?? 4);
/** A lease of 4 seconds, a look at it, and a busy machine. */
const GOES_ON_WITHIN_MS = 30_000;

interface Deployment extends AsyncDisposable {
  readonly db: TestDatabase;
  /** A role with what the README grants, and no more. */
  readonly url: string;
  readonly delivered: number[];
  readonly instance: (stateSchema?: string) => Promise<Instance>;
}

async function deployment(): Promise<Deployment> {
  const db = await testDatabase();
  const role = `${db.database}_capture`;
  await db.query('CREATE TABLE t (id int PRIMARY KEY)');
  const common = { connection: db.url, slot: db.database, tables: ['t'], takeover: true } as const;
  for (const stateSchema of ['certyo', 'other']) {
    await replicationSource({ ...common, stateSchema }).setup();
  }
  await db.query(`CREATE ROLE ${role} LOGIN REPLICATION`);
  for (const schema of ['certyo', 'other']) {
    await db.query(`GRANT USAGE ON SCHEMA ${schema} TO ${role}`);
    await db.query(`GRANT SELECT, INSERT, UPDATE ON ${schema}.checkpoints TO ${role}`);
    await db.query(`GRANT SELECT, INSERT, DELETE ON ${schema}.dead_letters TO ${role}`);
    await db.query(`GRANT SELECT, INSERT, UPDATE ON ${schema}.backfills TO ${role}`);
    await db.query(`GRANT SELECT, INSERT, UPDATE ON ${schema}.leases TO ${role}`);
    await db.query(`GRANT SELECT, INSERT, DELETE ON ${schema}.slot_instances TO ${role}`);
  }
  const url = db.url.replace(/\/\/[^@]*@/, `//${role}@`);
  const delivered: number[] = [];
  return {
    db,
    url,
    delivered,
    instance: (stateSchema = 'certyo') =>
      Instance.start({
        url,
        slot: db.database,
        stateSchema,
        onDelivered: (payload) => delivered.push((JSON.parse(payload) as { id: number }).id),
      }),
    [Symbol.asyncDispose]: async () => {
      await db.query(`DROP OWNED BY ${role}`);
      await db.query(`DROP ROLE ${role}`);
      await db[Symbol.asyncDispose]();
    },
  };
}

async function walsender(db: TestDatabase): Promise<number | null> {
  const [row] = await db.query<{ pid: number | null }>(
    'SELECT active_pid AS pid FROM pg_replication_slots WHERE slot_name = $1',
    [db.database],
  );
  return row?.pid ?? null;
}

describe('takeover', () => {
  test('R-27: after SIGKILL, and SIGSTOP with its sessions left open, the standby goes on within seconds and loses nothing', async () => {
    await using it = await deployment();
    const { db, delivered } = it;
    let id = 0;
    const stop = new AbortController();
    const writing = (async () => {
      while (!stop.signal.aborted) {
        await db.query('INSERT INTO t VALUES ($1)', [id + 1]);
        id += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    // It ends with the test, which may fail before.
    writing.catch(() => undefined);
    const saved = (): Promise<unknown> =>
      db.query('SELECT to_json(c)::text AS row FROM certyo.checkpoints c');
    let active = await it.instance();
    await expect.poll(() => active.isStarted).toBe(true);
    for (let run = 0; run < RUNS; run++) {
      const standby = await it.instance();
      await expect.poll(() => standby.isWaiting).toBe(true);
      const before = id;
      await expect.poll(() => delivered).toContain(before);
      expect(standby.isStarted).toBe(false);
      const pid = await walsender(db);
      const signal = run % 2 === 0 ? 'SIGSTOP' : 'SIGKILL';
      active.signal(signal);
      const atMs = Date.now();
      const lastOfFirst = id;
      if (signal === 'SIGSTOP') expect(await walsender(db)).toBe(pid);
      await expect.poll(() => standby.isStarted).toBe(true);
      const savedByFirst = await saved();
      await expect.poll(() => Math.max(...delivered)).toBeGreaterThan(lastOfFirst + 1);
      expect(Date.now() - atMs).toBeLessThan(GOES_ON_WITHIN_MS);
      expect(await walsender(db)).not.toBe(pid);
      if (signal === 'SIGSTOP') {
        // Whoever saves first has the checkpoint.
        await expect.poll(saved).not.toEqual(savedByFirst);
        // Awake again, it learns that another one has gone on from its checkpoint.
        active.signal('SIGCONT');
        await expect.poll(() => active.ended).toBe('CHECKPOINT_FENCED');
        expect(standby.ended).toBeUndefined();
      }
      await active[Symbol.asyncDispose]();
      active = standby;
    }
    stop.abort();
    await writing;
    await expect.poll(() => delivered).toContain(id);
    active.drain();
    await active.exited;
    expect(active.ended).toBeNull();
    // At least once: what was not saved when the process went comes again.
    expect([...new Set(delivered)].sort((a, b) => a - b)).toEqual(
      Array.from({ length: id }, (_, i) => i + 1),
    );
  });

  test('R-27: a slot that somebody else reads is never taken, whether that one works or stands still', async () => {
    await using it = await deployment();
    const { db, url } = it;
    const impatient = replicationSource({
      connection: url,
      slot: db.database,
      tables: ['t'],
      takeover: { leaseMs: 1_000 },
      slotWaitMs: 1_500,
    });
    const expectLeft = async (pid: number | null): Promise<void> => {
      expect(pid).not.toBeNull();
      await expect(openReader(impatient)).rejects.toMatchObject({ code: 'SOURCE_BUSY' });
      expect(await walsender(db)).toBe(pid);
    };
    // Another deployment over the same slot, with its state elsewhere.
    {
      await using other = await it.instance('other');
      await expect.poll(() => other.isStarted).toBe(true);
      const pid = await walsender(db);
      await expectLeft(pid);
      other.signal('SIGSTOP');
      await expectLeft(pid);
      other.signal('SIGCONT');
    }
    await expect.poll(() => walsender(db)).toBeNull();
    // Other programs: by another role, by our own, under their own name and under one that looks like ours.
    for (const [as, name] of [
      [db.url, 'pg_recvlogical'],
      [url, 'psql'],
      [url, 'certyo-cdc 0123456789abcdef'],
    ] as const) {
      const client = await db.client({
        connectionString: `${as}?replication=database&application_name=${encodeURIComponent(name)}`,
      });
      const streaming = client
        .query(
          `START_REPLICATION SLOT "${db.database}" LOGICAL 0/0 (proto_version '1', publication_names 'certyo_cdc')`,
        )
        .catch(() => undefined);
      await expect.poll(() => walsender(db)).not.toBeNull();
      const pid = await walsender(db);
      await expectLeft(pid);
      await db.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
      await streaming;
      await expect.poll(() => walsender(db)).toBeNull();
    }
  });
});
