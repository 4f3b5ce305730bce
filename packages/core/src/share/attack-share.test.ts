import { expect, test } from 'vitest';
import type { ChangeSource } from '../source/change-source.ts';
import { shareSource } from './share-source.ts';
import { open, push, signal, world } from './testing/world.ts';

test('a stream that cannot be closed in order does not keep the consumers out for good', async () => {
  const { source } = world();
  let fails = true;
  const once: ChangeSource = {
    name: source.name,
    kind: source.kind,
    checkpoints: source.checkpoints,
    open: async (options) => {
      const stream = await source.open(options);
      const dispose = stream[Symbol.asyncDispose].bind(stream);
      return Object.assign(stream, {
        [Symbol.asyncDispose]: async () => {
          await dispose();
          if (!fails) return;
          fails = false;
          throw new Error('closing failed');
        },
      });
    },
  };
  const shared = shareSource(once, { consumers: ['a'] });
  push(source, 2);
  const a = await open(shared, 'a');
  await a.take(2);
  await a.acknowledge();
  await a.stream[Symbol.asyncDispose]().catch(() => undefined);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const stream = await shared.consumer('a').open({ after: null, signal }).catch(String);
    if (typeof stream !== 'string') {
      await stream[Symbol.asyncDispose]();
      return;
    }
    if (attempt === 2) expect(stream).toBe('open');
  }
});
