import { startCertyoEmulator } from '@certyo-cdc/testing';
import { describeSink } from '@certyo-cdc/testing/vitest';

import type { CertyoItem } from './certyo-item.ts';
import { certyoSink } from './certyo-sink.ts';

describeSink<CertyoItem>('certyoSink', {
  async create() {
    const emulator = await startCertyoEmulator();
    const sink = certyoSink({ env: { ...emulator.environment } });
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
  },
});
