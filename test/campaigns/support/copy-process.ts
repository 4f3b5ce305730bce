/** Takes a first copy and throws it away; reports how long it took and the most memory the process held. */
import { replicationSource } from '@certyo-cdc/replication';

const source = replicationSource({
  tables: ['public.narrow'],
  slot: process.env['COPY_SLOT'],
  copy: true,
});
const startedAtMs = performance.now();
const { signal } = new AbortController();
const stream = await source.open({ after: null, signal });
let rows = 0;
const reading = (async () => {
  for await (const batch of stream) {
    rows += batch.events.length;
    if (batch.end !== null) await stream.acknowledge(batch.end);
  }
})();
await stream.caughtUp({ signal });
process.send?.({
  rows,
  seconds: (performance.now() - startedAtMs) / 1_000,
  maxRssBytes: process.resourceUsage().maxRSS * 1024,
});
await stream[Symbol.asyncDispose]();
await reading;
