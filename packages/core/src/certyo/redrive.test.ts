import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySource,
  startCertyoEmulator,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import type { DeadLetterStore } from '../dead-letter/dead-letter-store.ts';
import { createPipeline } from '../pipeline/create-pipeline.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { SYSTEM_TIME } from '../pipeline/time.ts';
import { certyoSink } from './certyo-sink.ts';

const HOUR_MS = 3_600_000;

describe('certyoSink, redriven', () => {
  // The API forgets a key after a day. The letter is hours old, what it holds was sent a day before.
  test.each([
    ['by an earlier life', true],
    ['by this life', false],
  ])(
    'H-07: what was sent %s, and parked hours later, is asked about before it is sent again',
    async (_, isOfEarlierLife) => {
      await using emulator = await startCertyoEmulator();
      let aheadMs = 0;
      const later = (ms: number): void => {
        aheadMs += ms;
        emulator.clock.advance(ms);
      };
      const time = { ...SYSTEM_TIME, now: () => Date.now() + aheadMs };
      const letters = memoryDeadLetterStore();
      let parkedAtMs = 0;
      const deadLetters: DeadLetterStore = {
        park: (pipeline, given, options) => {
          parkedAtMs = time.now();
          return letters.park(pipeline, given, options);
        },
        lanes: (...args) => letters.lanes(...args),
        list: async (...args) =>
          (await letters.list(...args)).map((letter) => ({ ...letter, parkedAtMs })),
        remove: (...args) => letters.remove(...args),
        close: () => letters.close(),
      };
      const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
      const start = async (): Promise<Pipeline> => {
        const sink = certyoSink({ env: { ...emulator.environment } });
        const pipeline = createPipeline(source, sink, {
          checkpointIntervalMs: 1,
          batch: { lingerMs: 1 },
          retry: { initialDelayMs: 1, maxDelayMs: 2, budget: false },
          breaker: false,
          onRejected: 'park',
          time,
        });
        await pipeline.start();
        return pipeline;
      };
      const lost = emulator.faults.add({ kind: 'fail-after-accept', count: false });
      let pipeline = await start();
      source.push([{ operation: 'insert', key: { id: 1 }, after: { id: 1, value: 1 } }]);
      await expect.poll(() => emulator.records().length).toBe(1);
      if (isOfEarlierLife) await pipeline.stop();
      const refused = emulator.faults.add({ kind: 'reject', count: false });
      later(20 * HOUR_MS);
      await lost.remove();
      if (isOfEarlierLife) pipeline = await start();
      await expect.poll(() => letters.letters('memory').length).toBe(1);
      await refused.remove();
      later(6 * HOUR_MS);
      expect(await pipeline.redrive()).toEqual({ delivered: 1, stillParked: 0 });
      expect(emulator.records()).toHaveLength(1);
      await pipeline.drain();
    },
  );
});
