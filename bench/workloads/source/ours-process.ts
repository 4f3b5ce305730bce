/** The replication source to a sink that takes the canonical bytes of every row and drops them. */
import { replicationSource } from '@certyo-cdc/replication';
import type { DrainMeasure } from '../../runner/drain.ts';
import { startMeter } from '../../support/meter.ts';
import type { WalReading } from '../../support/recorded-wal.ts';
import { serveParent } from '../../support/serve-parent.ts';
import { dropCanonicalBytes } from './canonical-bytes.ts';

serveParent({
  drain: async ({ publication, rows, slot, table, url }: WalReading): Promise<DrainMeasure> => {
    const source = replicationSource({ connection: url, tables: [table], slot, publication });
    await using stream = await source.open({ after: null, signal: new AbortController().signal });
    const stop = startMeter();
    let seen = 0;
    for await (const { end, events } of stream) {
      for (const event of events) if (dropCanonicalBytes(event) > 0) seen += 1;
      if (end === null) continue;
      await stream.acknowledge(end);
      if (seen >= rows) return { rows: seen, ...stop() };
    }
    throw new Error('The stream ended.');
  },
});
