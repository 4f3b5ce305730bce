import { postgresCheckpointStore } from '@certyo-cdc/postgres';
import { startCertyoEmulator, type TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { checkWindows, postgresWindowStore, type WindowCheck } from '@certyo-cdc/verification';
import { describe, expect, test } from 'vitest';
import { KillablePipeline } from './switching/killable-pipeline.ts';
import { makeSource, SWITCHABLE } from './switching/sources.ts';

const { signal } = new AbortController();
const KILLS = 6;
const WINDOW_MS = 50;

type Committed = Record<'insert' | 'update' | 'delete', number>;

/** Writes in transactions of all sizes, some of which are rolled back, until it is told to stop. */
async function write(db: TestDatabase, until: AbortSignal): Promise<Committed> {
  const committed: Committed = { insert: 0, update: 0, delete: 0 };
  const client = await db.client();
  for (let next = 0, round = 0; !until.aborted; round += 1) {
    const size = 1 + (round % 13);
    const isKept = round % 5 !== 4;
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO public.orders SELECT i, 'new' FROM generate_series($1::int, $2::int) AS i`,
      [next, next + size - 1],
    );
    const updated = await client.query(
      "UPDATE public.orders SET note = note || '+' WHERE id % 7 = $1 AND id > $2",
      [round % 7, next - 40],
    );
    const deleted = await client.query('DELETE FROM public.orders WHERE id = $1', [next - 30]);
    await client.query(isKept ? 'COMMIT' : 'ROLLBACK');
    if (isKept) {
      committed.insert += size;
      committed.update += updated.rowCount ?? 0;
      committed.delete += deleted.rowCount ?? 0;
      next += size;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return committed;
}

describe('windows of completeness of pipelines that are killed', () => {
  test.each(SWITCHABLE)('%s: no hole, and exactly what was committed', async (name) => {
    await using db = await testDatabase();
    await using certyo = await startCertyoEmulator();
    await db.query(
      'CREATE TABLE public.orders (id bigint PRIMARY KEY, note text); ALTER TABLE public.orders REPLICA IDENTITY FULL',
    );
    const windows = postgresWindowStore({ connection: db.url });
    await windows.setup({ signal });
    const checkpoints = postgresCheckpointStore({ connection: db.url });
    const check = (): Promise<WindowCheck> =>
      checkWindows({ windows, checkpoints, pipeline: 'switched', signal });
    const source = makeSource(name, db.url);
    await source.setup();
    const stop = new AbortController();
    const start = (): Promise<KillablePipeline> =>
      KillablePipeline.start(name, null, db.url, certyo, WINDOW_MS);
    try {
      const writing = write(db, stop.signal);
      for (let kill = 0; kill < KILLS; kill += 1) {
        const pipeline = await start();
        const before = certyo.counters.effects;
        await expect.poll(() => certyo.counters.effects - before).toBeGreaterThan(50 + kill * 10);
        // The chain leads to the checkpoint, while it goes on and after it was killed.
        expect((await check()).first).toBeNull();
        await pipeline.kill();
        expect((await check()).first).toBeNull();
      }
      const last = await start();
      stop.abort();
      const committed = await writing;
      await last.caughtUp();
      await last.drain();
      // What was staged last is closed by the life after it.
      const closing = await start();
      await db.query("INSERT INTO public.orders VALUES (-1, 'last')");
      await closing.caughtUp();
      await closing.drain();
      const { first, totals, uncounted, windows: count } = await check();
      expect(first).toBeNull();
      expect(uncounted).toEqual([]);
      expect(count).toBeGreaterThan(1);
      const captured = Object.fromEntries(totals.map((each) => [each.operation, each.captured]));
      if (name === 'polling') {
        // It shows states; one that was sent by a life that was killed may be passed over by the next.
        const all = totals.reduce((sum, each) => sum + each.captured, 0);
        expect(all).toBeLessThanOrEqual(certyo.counters.effects);
        expect(all).toBeGreaterThan(50 * KILLS);
      } else {
        // The last transaction lies in the window that is still open.
        const { insert = 0, ...others } = captured;
        expect([committed.insert, committed.insert + 1]).toContain(insert);
        expect(others).toEqual({ update: committed.update, delete: committed.delete });
      }
    } finally {
      stop.abort();
      await Promise.all([windows.close(), checkpoints.close()]);
      await source.teardown();
    }
  });
});
