/** The parser of pg-logical-replication, called as its service calls it: with a part of the chunk that holds the message. */
import { readFileSync } from 'node:fs';
import { PgoutputPlugin } from 'pg-logical-replication';
import type { DrainMeasure } from '../runner/drain.ts';
import { startMeter } from '../support/meter.ts';
import { serveParent } from '../support/serve-parent.ts';
import { type DecodeInput, framesOf } from '../workloads/decode/recording.ts';

serveParent({
  decode: ({ file, rows }: DecodeInput): DrainMeasure => {
    const recording = readFileSync(file);
    const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: ['bench'] });
    const stop = startMeter();
    let seen = 0;
    for (const { at, end } of framesOf(recording)) {
      const message = plugin.parse(recording.subarray(at, end));
      if (message.tag === 'insert') seen += 1;
    }
    const usage = stop();
    if (seen !== rows) throw new Error(`${seen} of ${rows} rows.`);
    return { rows: seen, ...usage };
  },
});
