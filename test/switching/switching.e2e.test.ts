import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { certyoSink, createPipeline } from '@certyo-cdc/core';
import { type CertyoEmulator, startCertyoEmulator, type TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import {
  type Committed,
  compare,
  epochOf,
  TABLES,
} from '../../examples/switch-source/src/history.ts';
import { startWriters } from '../../examples/switch-source/src/writers.ts';
import { KillablePipeline } from './killable-pipeline.ts';
import { makeSource, type Switchable, SWITCHABLE } from './sources.ts';

const PAIRS = SWITCHABLE.flatMap((from) =>
  SWITCHABLE.filter((to) => to !== from).map((to) => ({ from, to })),
);

async function committed(db: TestDatabase): Promise<readonly Committed[]> {
  return db.query<Committed & object>('SELECT n, id, write FROM history ORDER BY n');
}

async function moreEffects(certyo: CertyoEmulator, count = 150): Promise<void> {
  const before = certyo.counters.effects;
  await expect.poll(() => certyo.counters.effects - before).toBeGreaterThan(count);
}

interface Switched {
  readonly pipeline: KillablePipeline;
  /** The last change that the next source need not have seen. */
  readonly since: number;
}

/** Goes over from one source to the next while others write, and kills the pipeline on the way. */
async function goOver(
  db: TestDatabase,
  certyo: CertyoEmulator,
  running: KillablePipeline,
  from: Switchable,
  to: Switchable,
  replaced: Switchable | null,
): Promise<Switched> {
  const start = (source: Switchable, replaces: Switchable | null): Promise<KillablePipeline> =>
    KillablePipeline.start(source, replaces, db.url, certyo);
  await running.kill();
  const again = await start(from, replaced);
  await makeSource(to, db.url).setup();
  const [row] = await db.query<{ n: number }>('SELECT max(n) AS n FROM history');
  await again.kill();
  const last = await start(from, replaced);
  await last.caughtUp();
  await last.drain();
  // The old checkpoint is the stored one until the next source has saved its own.
  await (await start(to, from)).kill();
  const next = await start(to, from);
  await moreEffects(certyo);
  await next.kill();
  return { pipeline: await start(to, from), since: row?.n ?? 0 };
}

describe('switching', () => {
  test.each(PAIRS)(
    'from $from to $to under load and kills: nothing is lost',
    async ({ from, to }) => {
      await using db = await testDatabase();
      await using certyo = await startCertyoEmulator();
      for (const statement of TABLES) await db.query(statement);
      await makeSource(from, db.url).setup();
      const first = await KillablePipeline.start(from, null, db.url, certyo);
      const writers = await startWriters(db, 3);
      await moreEffects(certyo);
      const { pipeline, since } = await goOver(db, certyo, first, from, to, null);
      await moreEffects(certyo);
      await writers.stop();
      await pipeline.caughtUp();
      await pipeline.drain();

      const held = certyo.records({ collection: 'public.orders' });
      // Polling shows the latest state of a row, not every version: before the switch, or after it.
      const everyVersionFrom = to === 'polling' ? Infinity : from === 'polling' ? since : 0;
      const result = compare(await committed(db), held, everyVersionFrom);
      expect(result).toMatchObject({ wrong: 0, lost: 0, disordered: 0 });
      expect(result.committed).toBeGreaterThan(500);
      expect([...new Set(held.map(epochOf))]).toEqual(['000001', '000002']);
      expect(certyo.counters).toMatchObject({ regressions: 0, collisions: 0 });
    },
  );

  test('there and back again: polling, change log, polling', async () => {
    await using db = await testDatabase();
    await using certyo = await startCertyoEmulator();
    for (const statement of TABLES) await db.query(statement);
    await makeSource('polling', db.url).setup();
    const first = await KillablePipeline.start('polling', null, db.url, certyo);
    const writers = await startWriters(db, 3);
    await moreEffects(certyo);
    const second = await goOver(db, certyo, first, 'polling', 'listen-notify', null);
    const third = await goOver(db, certyo, second.pipeline, 'listen-notify', 'polling', 'polling');
    await writers.stop();
    await third.pipeline.caughtUp();
    await third.pipeline.drain();
    const held = certyo.records({ collection: 'public.orders' });
    const result = compare(await committed(db), held, Infinity);
    expect(result).toMatchObject({ wrong: 0, lost: 0, disordered: 0 });
    expect([...new Set(held.map(epochOf))]).toEqual(['000001', '000002', '000003']);
    expect(certyo.counters).toMatchObject({ regressions: 0, collisions: 0 });
  });

  test.each(SWITCHABLE.filter((to) => to !== 'polling'))(
    'the wrong order, set up after the old pipeline has ended, is refused: %s',
    async (to) => {
      await using db = await testDatabase();
      await using certyo = await startCertyoEmulator();
      for (const statement of TABLES) await db.query(statement);
      await makeSource('polling', db.url).setup();
      const first = await KillablePipeline.start('polling', null, db.url, certyo);
      await db.query('INSERT INTO orders (id) VALUES (1)');
      await first.caughtUp();
      await first.drain();
      await db.query('INSERT INTO orders (id) VALUES (2)');
      const sink = certyoSink({
        baseUrl: certyo.url,
        apiKey: certyo.apiKey,
        tenantId: certyo.tenantId,
      });
      const source = makeSource(to, db.url, 'polling');
      const pipeline = createPipeline(source, sink, { name: 'switched' });
      // A slot does not say when it was made: that it is there is all that can be asked for.
      await source.setup();
      if (to === 'replication')
        await db.query('SELECT pg_drop_replication_slot($1)', [db.database]);
      await expect(pipeline.start()).rejects.toMatchObject({ code: 'GAP_SWITCH' });
    },
  );

  test('the example runs, and finds nothing lost', async () => {
    const folder = fileURLToPath(new URL('../../examples/switch-source', import.meta.url));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', 'src/main.ts'],
      { cwd: folder },
    );
    const last = stdout.trim().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toMatchObject({ wrong: 0, lost: 0, disordered: 0 });
  });
});
