import { faultProxy, type FaultProxy, openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v text)'];

function through(proxy: FaultProxy, url: string): string {
  const target = new URL(url);
  target.port = String(proxy.port);
  return target.href;
}

/** A small generator of numbers in [0, 1) that a seed determines (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('resume', () => {
  test('I4: what is not acknowledged comes again with the same ids and bytes, the rest does not', async () => {
    await using it = await captured([...TABLE, 'ALTER TABLE t REPLICA IDENTITY FULL'], {
      tables: ['t'],
    });
    const told: string[][] = [];
    let after = null;
    {
      await using reader = await openReader(it.source);
      await it.db.query(`INSERT INTO t VALUES (1, 'a')`);
      after = await (await reader.caughtUp()).acknowledge();
    }
    await it.db.query(`INSERT INTO t VALUES (2, 'b'), (3, 'c')`);
    await it.db.query('ALTER TABLE t ADD w int');
    await it.db.query(`UPDATE t SET v = 'd', w = 5`);
    await it.db.query('TRUNCATE t');
    for (let i = 0; i < 3; i++) {
      await using reader = await openReader(it.source, { after });
      await reader.caughtUp();
      told.push(reader.events.map((e, n) => `${e.id} ${e.version} ${reader.told[n] ?? ''}`));
    }
    expect(told[0]).toHaveLength(7);
    expect(told[1]).toEqual(told[0]);
    expect(told[2]).toEqual(told[0]);
  });

  test('acknowledging moves the slot; only ends of this stream are taken, and twice is once', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using reader = await openReader(it.source);
    const confirmed = async (): Promise<string | undefined> => {
      const [row] = await it.db.query<{ lsn: string }>(
        'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1',
        [it.db.database],
      );
      return row?.lsn;
    };
    const before = await confirmed();
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    expect(await confirmed()).toBe(before);
    const { position } = await reader.acknowledge();
    await reader.stream.acknowledge(position);
    await expect.poll(confirmed).toBe(position);
    await expect(reader.stream.acknowledge('FFFF/0' as typeof position)).rejects.toMatchObject({
      code: 'PIPELINE_STATE',
    });
    expect(await confirmed()).toBe(position);
  });

  test('a connection cut in the middle of a transaction: no event twice, none missing, in order', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using proxy = await faultProxy({ target: { host: it.db.host, port: it.db.port } });
    const source = sourceOf(it.db, { tables: ['t'], connection: through(proxy, it.db.url) });
    await using reader = await openReader(source);
    const seed = Number(process.env['TEST_SEED'] ?? 20_261_121);
    const random = seeded(seed);
    let cuts = 0;
    let next = 0;
    for (let round = 0; round < 40; round++) {
      const rows = 1 + Math.floor(random() * 3_000);
      await it.db.query(
        `INSERT INTO t SELECT i, repeat('x', 50) FROM generate_series($1::int, $2::int) i`,
        [next, next + rows - 1],
      );
      next += rows;
      if (random() < 0.7) {
        proxy.cutAfter(Math.floor(random() * rows * 100), {
          how: random() < 0.5 ? 'reset' : 'close',
        });
        cuts += 1;
      }
      if (random() < 0.2 && reader.end !== null) await reader.acknowledge();
      // Without faults from time to time, so that progress is possible.
      if (round % 5 === 4) {
        await proxy.heal();
        await expect.poll(() => reader.events.length).toBe(next);
      }
    }
    expect(cuts).toBeGreaterThan(10);
    await proxy.heal();
    await expect.poll(() => reader.events.length).toBeGreaterThanOrEqual(next);
    expect(reader.failure).toBeNull();
    const ids = reader.rows.map((row) => Number(row.key['id']));
    expect(ids, `seed ${seed}`).toEqual(Array.from({ length: next }, (_, i) => i));
    const lost = reader.sourceEvents.filter((event) => event.type === 'source-disconnected');
    expect(lost.length).toBeGreaterThan(2);
  });

  test('half-open in both directions is noticed, also while connecting, and recovered from', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using proxy = await faultProxy({ target: { host: it.db.host, port: it.db.port } });
    const source = sourceOf(it.db, {
      tables: ['t'],
      connection: `${through(proxy, it.db.url)}?connect_timeout=2`,
      statusIntervalMs: 200,
      deadAfterMs: 600,
      slotWaitMs: false,
    });
    await using reader = await openReader(source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    proxy.set({ blackhole: 'both' });
    await it.db.query('INSERT INTO t VALUES (2)');
    const lost = (): number =>
      reader.sourceEvents.filter((event) => event.type === 'source-disconnected').length;
    // Twice: the stream, then an attempt to connect.
    await expect.poll(lost).toBeGreaterThanOrEqual(2);
    // The server believes in the old connection until it is told otherwise.
    await it.db.query(
      'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1',
      [it.db.database],
    );
    await proxy.heal();
    await expect.poll(() => reader.events.length).toBe(2);
    expect(reader.failure).toBeNull();
  });

  test('connections lost while the catalog is read are waited out', async () => {
    const names = Array.from({ length: 25 }, (_, i) => `t${i}`);
    await using it = await captured(
      names.map((name) => `CREATE TABLE ${name} (id int PRIMARY KEY)`),
      { tables: names },
    );
    await using proxy = await faultProxy({ target: { host: it.db.host, port: it.db.port } });
    const source = sourceOf(it.db, { tables: names, connection: through(proxy, it.db.url) });
    await using reader = await openReader(source);
    const random = seeded(7);
    // Each first row of a table needs four statements to and fro; all connections are reset during them.
    proxy.set({ latencyMs: 4 });
    for (const [i, name] of names.entries()) {
      await it.db.query(`INSERT INTO ${name} VALUES (1)`);
      await new Promise((resolve) => setTimeout(resolve, 10 + random() * 40));
      if (i % 2 === 0) proxy.reset();
      else {
        await expect
          .poll(() => reader.failure ?? reader.events.length, { interval: 5 })
          .toBe(i + 1);
      }
    }
    await expect.poll(() => reader.events.length).toBe(names.length);
    expect(reader.failure).toBeNull();
    expect(reader.told).toEqual(names.map((name) => `insert ${name} {"id":1}`));
  });
});
