/** A pipeline in a process that is killed: what it does comes from the environment. */
import { certyoSink, createPipeline } from '@certyo-cdc/core';
import { postgresWindowStore } from '@certyo-cdc/verification';
import { isSwitchable, makeSource } from './sources.ts';

const { SWITCH_SOURCE: name, SWITCH_REPLACES: replaces, PG_DSN: connection } = process.env;
if (!isSwitchable(name) || connection === undefined) throw new Error('The environment is not set.');
const windowMs = Number(process.env['WINDOW_MS'] ?? 0);
const windows = windowMs === 0 ? undefined : postgresWindowStore({ connection, windowMs });
const pipeline = createPipeline(
  makeSource(name, connection, isSwitchable(replaces) ? replaces : undefined),
  certyoSink(),
  { name: 'switched', checkpointIntervalMs: 20, batch: { maxItems: 20, lingerMs: 2 }, windows },
);
process.on('message', (message) => {
  void (async () => {
    if (message === 'catch up') {
      await pipeline.caughtUp();
      process.send?.('caught up');
    } else await pipeline.drain();
  })();
});
await pipeline.start();
process.send?.('started');
const error = await pipeline.closed;
await windows?.close();
if (error !== null) {
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 1;
}
process.disconnect();
