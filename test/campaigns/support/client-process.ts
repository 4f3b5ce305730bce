/**
 * The process that a campaign kills: a pipeline to the emulator, with failpoints around the library (not in
 * it) where it kills itself without another instruction.
 */
import {
  certyoSink,
  type ChangeSource,
  type ChangeStream,
  type CheckpointStore,
  createPipeline,
} from '@certyo-cdc/core';
import { ledgerWithFailpoints } from './ledger.ts';
import { acknowledgeOnReceive } from './mutants.ts';
import { campaignSource } from './sources.ts';

const failpoint = process.env['CAMPAIGN_FAILPOINT'] ?? '';
let countdown = Number(process.env['CAMPAIGN_FAILPOINT_AFTER'] ?? '0');

/** Dies here when this is the chosen place, at the chosen occurrence. */
function place(name: string): void {
  if (name !== failpoint) return;
  countdown -= 1;
  if (countdown <= 0) process.kill(process.pid, 'SIGKILL');
}

function withFailpoints(source: ChangeSource): ChangeSource {
  const inner = source.checkpoints;
  if (inner === undefined) throw new Error('The source has no checkpoint store.');
  const checkpoints: CheckpointStore = {
    load: (name, options) => inner.load(name, options),
    save: async (name, checkpoint, options) => {
      place('before-save');
      await inner.save(name, checkpoint, options);
      place('after-save');
    },
    close: () => inner.close(),
  };
  return {
    ...source,
    checkpoints,
    open: async (options) => streamWithFailpoints(await source.open(options)),
  };
}

function streamWithFailpoints(stream: ChangeStream): ChangeStream {
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = stream[Symbol.asyncIterator]();
      return {
        next: async () => {
          const result = await iterator.next();
          if (result.done !== true && result.value.events.length > 0) place('after-receive');
          return result;
        },
        return: async () => {
          await iterator.return?.();
          return { done: true, value: undefined };
        },
      };
    },
    [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
    checkpoint: (end) => stream.checkpoint(end),
    acknowledge: async (end) => {
      place('before-acknowledge');
      await stream.acknowledge(end);
      // The status update is in the socket's hands only after this turn.
      await new Promise((resolve) => setImmediate(resolve));
      place('after-acknowledge');
    },
    lag: () => stream.lag(),
    caughtUp: (options) => stream.caughtUp(options),
  };
}

const ledger = process.env['CAMPAIGN_LEDGER'] === 'yes' ? ledgerWithFailpoints(place) : null;
const source = campaignSource(process.env['CAMPAIGN_SOURCE'] ?? '', {
  tables: (process.env['CAMPAIGN_TABLES'] ?? '').split(','),
  softDeletes: JSON.parse(process.env['CAMPAIGN_SOFT_DELETES'] ?? '{}') as Record<string, string>,
});
const pipeline = createPipeline(
  process.env['CAMPAIGN_MUTANT'] === 'acknowledge-on-receive'
    ? acknowledgeOnReceive(source)
    : withFailpoints(source),
  certyoSink({ receipts: ledger?.receipts }),
  {
    batch: { maxItems: 20, lingerMs: 2 },
    checkpointIntervalMs: 10,
    retry: { initialDelayMs: 20, maxDelayMs: 200, budget: false },
    breaker: false,
  },
);

process.on('message', (message) => {
  if (message !== 'drain' && message !== 'stop') return;
  void (async () => {
    if (message === 'drain') await pipeline.caughtUp();
    place('in-drain');
    await pipeline.drain();
  })();
});

await pipeline.start();
await ledger?.verifier.start();
process.send?.('started');
const error = await pipeline.closed;
await ledger?.close();
if (error !== null) {
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 1;
}
process.disconnect();
