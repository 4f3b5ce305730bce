import { memoryReceiptStore, startCertyoEmulator } from '@certyo-cdc/testing';
import { describeSink, type SinkFixture, type SinkHarness } from '@certyo-cdc/testing/vitest';

import type { CertyoItem } from './certyo-item.ts';
import { certyoSink } from './certyo-sink.ts';
import type { CertyoSinkOptions } from './sink-options.ts';

function harness(options: () => CertyoSinkOptions): SinkHarness<CertyoItem> {
  return { create: () => fixture(options()) };
}

async function fixture(options: CertyoSinkOptions): Promise<SinkFixture<CertyoItem>> {
  const emulator = await startCertyoEmulator();
  const sink = certyoSink({ env: { ...emulator.environment }, ...options });
  return {
    sink,
    effects: () => Promise.resolve(emulator.counters.effects),
    loseNextAnswer() {
      emulator.faults.add({ kind: 'fail-after-accept' });
      return Promise.resolve();
    },
    goDown() {
      const handle = emulator.faults.add({ kind: 'down' });
      return Promise.resolve(() => handle.remove());
    },
    async [Symbol.asyncDispose]() {
      await sink.close?.();
      await emulator.close();
    },
  };
}

describeSink<CertyoItem>(
  'certyoSink',
  harness(() => ({})),
);
describeSink<CertyoItem>(
  'certyoSink with receipts',
  harness(() => ({ receipts: memoryReceiptStore(), skipUnchanged: false })),
);
