/** An instance of a pipeline, in a process that is killed or stopped: what it reads comes from the environment. */
import { createPipeline } from '@certyo-cdc/core';
import { replicationSource } from '@certyo-cdc/replication';
import { memorySink } from '@certyo-cdc/testing';

const { INSTANCE_URL: connection, INSTANCE_SLOT: slot, INSTANCE_SCHEMA: stateSchema } = process.env;
const source = replicationSource({
  connection,
  slot,
  stateSchema,
  tables: ['t'],
  takeover: { leaseMs: 4_000 },
  slotWaitMs: false,
  reconnect: { minDelayMs: 50, maxDelayMs: 500 },
});
const sink = memorySink({
  faults: ({ items }) => {
    process.send?.({ delivered: items.map(({ payload }) => payload) });
    return null;
  },
});
const pipeline = createPipeline(source, sink, {
  name: 'p',
  checkpointIntervalMs: 20,
  batch: { lingerMs: 2 },
  onEvent: (event) => {
    if (event.type === 'source-waiting') process.send?.('waiting');
  },
});
process.on('message', () => void pipeline.drain());
await pipeline.start();
process.send?.('started');
const error = await pipeline.closed;
process.send?.({ ended: error === null ? null : 'code' in error ? error.code : error.name });
process.disconnect();
