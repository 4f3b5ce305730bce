import type { CheckpointStore, Pipeline, WindowStore } from '@certyo-cdc/core';
import { postgresCheckpointStore } from '@certyo-cdc/postgres';
import { describe, expect, test } from 'vitest';

import { capturedCounts, committedCounts, row, SHOP, windowRig } from '../testing/window-rig.ts';
import { checkWindows } from './check-windows.ts';
import { postgresWindowStore } from './postgres-window-store.ts';
import { readWindow } from './window.ts';

const { signal } = new AbortController();
const STEPS = ['stage', 'staged', 'save', 'saved', 'acknowledge', 'close', 'closed'] as const;
const KILLS = 21;

type Step = (typeof STEPS)[number];

/** Ends a pipeline at a step, as if its process had died there. */
class Killer {
  pipeline: Pipeline | null = null;
  #step: Step | null = null;
  #after = 0;

  arm(step: Step, after: number): void {
    this.#step = step;
    this.#after = after;
  }

  disarm(): void {
    this.#step = null;
  }

  at(step: Step): void {
    if (step !== this.#step) return;
    this.#after -= 1;
    if (this.#after > 0) return;
    this.#step = null;
    void this.pipeline?.stop();
    throw new Error('killed');
  }

  windows(store: WindowStore): WindowStore {
    return {
      begin: (options) => store.begin(options),
      stage: async (span, options) => {
        this.at('stage');
        await store.stage(span, options);
        this.at('staged');
      },
      saved: async (pipeline, revision, options) => {
        this.at('close');
        await store.saved(pipeline, revision, options);
        this.at('closed');
      },
      close: () => store.close(),
    };
  }

  checkpoints(store: CheckpointStore): CheckpointStore {
    return {
      load: (name, options) => store.load(name, options),
      save: async (name, checkpoint, options) => {
        this.at('save');
        await store.save(name, checkpoint, options);
        this.at('saved');
      },
      close: () => store.close(),
    };
  }
}

describe('postgresWindowStore, killed at every step', () => {
  test('windows have no hole, and count exactly what was committed', async () => {
    await using it = await windowRig();
    const killer = new Killer();
    it.source.onAcknowledge = () => killer.at('acknowledge');
    const checkpoints = postgresCheckpointStore({ connection: it.database.url });
    const start = async (): Promise<void> => {
      // Of each life its own: nothing is remembered but what is stored.
      const windows = postgresWindowStore({ connection: it.database.url, windowMs: 1 });
      killer.pipeline = await it.start({
        windows: killer.windows(windows),
        checkpoints: killer.checkpoints(checkpoints),
        idleCheckpointIntervalMs: 1,
      });
      void killer.pipeline.closed.then(() => windows.close());
    };
    try {
      for (let kill = 0; kill < KILLS; kill += 1) {
        killer.arm(STEPS[kill % STEPS.length] ?? 'stage', 1 + (kill % 3));
        await start();
        for (let transaction = 0; transaction < 5; transaction += 1) {
          const table = transaction % 2 === 0 ? 'items' : 'orders';
          it.source.push(
            Array.from({ length: 1 + ((kill + transaction) % 9) }, (_, id) =>
              row(id % 3 === 0 ? 'insert' : 'update', kill * 100 + id, table),
            ),
          );
          await new Promise((resolve) => setTimeout(resolve, 15));
        }
        // Some are held back by what is not acknowledged; an event of another batch moves them on.
        await expect
          .poll(() => {
            if (killer.pipeline?.status().state === 'running') it.source.idle();
            return killer.pipeline?.status().state;
          })
          .not.toBe('running');
        await killer.pipeline?.closed;
      }
      killer.disarm();
      await start();
      await killer.pipeline?.caughtUp();
      await killer.pipeline?.drain();
      const last = await it.start();
      await it.windows.closeNow(SHOP, { signal });
      await last.drain();
      const check = await checkWindows({ windows: it.windows, pipeline: SHOP, signal });
      expect(check.problems).toEqual([]);
      expect(check.uncounted).toEqual([]);
      expect(check.windows).toBeGreaterThan(KILLS / 3);
      expect(capturedCounts(check.totals)).toEqual(committedCounts(it.source.committed));
      const windows = (await it.list()).map(({ content }) => readWindow(content));
      expect(windows.at(-1)?.to).toBe(it.source.acknowledged);
      expect(windows[0]?.from).toBeNull();
      expect(it.emulator.counters.effects).toBe(it.source.committed.length);
    } finally {
      await checkpoints.close();
    }
  });

  test('a store whose connections are cut all the time only takes longer', async () => {
    await using it = await windowRig({ windowMs: 1 });
    const pipeline = await it.start();
    for (let cut = 0; cut < 20; cut += 1) {
      it.source.push([row('insert', cut), row('update', cut)]);
      await it.database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE 'certyo-cdc windows%'`,
      );
    }
    await pipeline.caughtUp();
    await pipeline.drain();
    await it.windows.closeNow(SHOP, { signal });
    const check = await checkWindows({ windows: it.windows, pipeline: SHOP, signal });
    expect(check).toMatchObject({ ok: true, uncounted: [] });
    expect(capturedCounts(check.totals)).toEqual({
      'public.items insert': 20,
      'public.items update': 20,
    });
  });
});
