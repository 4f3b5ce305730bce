import { certyoSink, createPipeline } from '@certyo-cdc/core';
import { postgresReceiptStore } from '@certyo-cdc/verification';
import { isSourceName, makeSource } from './sources.ts';

// The process that the demo kills and starts again. Where the database and the API are comes from the environment:
// PG_DSN, CERTYO_BASE_URL, CERTYO_API_KEY, CERTYO_TENANT_ID.
const name = process.env['DEMO_SOURCE'];
if (!isSourceName(name)) throw new Error('DEMO_SOURCE names no source.');
const tables = (process.env['DEMO_TABLES'] ?? '').split(',');

// The emulator of this demo anchors within a second.
const receipts = postgresReceiptStore({ firstLookMs: 1_000 });
const pipeline = createPipeline(makeSource(name, { tables }), certyoSink({ receipts }), {
  // A life in this demo is short: with the default of a second it would hardly ever save where it is.
  checkpointIntervalMs: 100,
});

process.on('message', (message) => {
  if (message !== 'drain') return;
  void (async () => {
    await pipeline.caughtUp();
    await pipeline.drain();
  })();
});

// Without the demo there is nothing to do.
process.on('disconnect', () => process.exit());

await pipeline.start();
process.send?.({ type: 'started' });
const reporting = setInterval(() => {
  process.send?.({ type: 'status', status: pipeline.status() });
}, 250);

const error = await pipeline.closed;
clearInterval(reporting);
await receipts.close();
if (error !== null) {
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 1;
}
process.disconnect();
