/** Takes a first copy of one table and throws it away. */
import { replicationSource } from '@certyo-cdc/replication';
import type { DrainMeasure } from '../../runner/drain.ts';
import { startMeter } from '../../support/meter.ts';
import { serveParent } from '../../support/serve-parent.ts';
import { dropCanonicalBytes } from '../source/canonical-bytes.ts';
import type { CopyOptions } from './copy-once.ts';

serveParent({
  copy: async ({ slot, table, takesBytes, url }: CopyOptions): Promise<DrainMeasure> => {
    const { signal } = new AbortController();
    const source = replicationSource({ connection: url, tables: [table], slot, copy: true });
    const stop = startMeter();
    await using stream = await source.open({ after: null, signal });
    let rows = 0;
    const reading = (async () => {
      for await (const { end, events } of stream) {
        if (takesBytes) for (const event of events) dropCanonicalBytes(event);
        rows += events.length;
        if (end !== null) await stream.acknowledge(end);
      }
    })();
    await Promise.race([stream.caughtUp({ signal }), reading]);
    return { rows, ...stop() };
  },
});
