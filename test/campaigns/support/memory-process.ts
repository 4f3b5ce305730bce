/** A pipeline that reports the most memory its process ever held. */
import { certyoSink, createPipeline } from '@certyo-cdc/core';
import { replicationSource } from '@certyo-cdc/replication';

const pipeline = createPipeline(replicationSource({ tables: ['public.big'] }), certyoSink(), {
  batch: { maxItems: 1000, maxBytes: 5_000_000 },
});

process.on('message', () => {
  void (async () => {
    await pipeline.caughtUp();
    const { received, delivered } = pipeline.status();
    process.send?.({
      maxRssBytes: process.resourceUsage().maxRSS * 1024,
      received,
      delivered,
      cpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    });
    await pipeline.drain();
  })();
});

await pipeline.start();
process.send?.('started');
const error = await pipeline.closed;
if (error !== null) {
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 1;
}
process.disconnect();
