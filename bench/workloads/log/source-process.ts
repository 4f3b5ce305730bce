/** A source of tables to a sink that takes the canonical bytes of every row and drops them. */
import type { DrainMeasure } from '../../runner/drain.ts';
import { benchSource, type BenchSourceOptions } from '../../support/bench-source.ts';
import { startMeter } from '../../support/meter.ts';
import { serveParent } from '../../support/serve-parent.ts';
import { dropCanonicalBytes } from '../source/canonical-bytes.ts';

serveParent({
  drain: async (options: BenchSourceOptions & { readonly rows: number }): Promise<DrainMeasure> => {
    const { signal } = new AbortController();
    await using stream = await benchSource(options).open({ after: null, signal });
    const stop = startMeter();
    let rows = 0;
    for await (const { end, events } of stream) {
      for (const event of events) if (dropCanonicalBytes(event) > 0) rows += 1;
      if (end === null) continue;
      await stream.acknowledge(end);
      if (rows >= options.rows) return { rows, ...stop() };
    }
    throw new Error('The stream ended.');
  },
});
