/** What one writes by hand: the rows of a table by pages, with node-postgres, each as JSON that is thrown away. */
import pg from 'pg';
import type { DrainMeasure } from '../runner/drain.ts';
import { startMeter } from '../support/meter.ts';
import { serveParent } from '../support/serve-parent.ts';
import type { CopyTask } from './psql-copy.ts';

const PAGE_ROWS = 1_000;

serveParent({
  drain: async ({ rows, table, url }: CopyTask): Promise<DrainMeasure> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const stop = startMeter();
    let [last, seen, bytes] = ['0', 0, 0];
    for (;;) {
      const page = await client.query<{ id: string }>(
        `SELECT * FROM ${table} WHERE id > $1 ORDER BY id LIMIT ${PAGE_ROWS}`,
        [last],
      );
      for (const row of page.rows) bytes += Buffer.byteLength(JSON.stringify(row));
      seen += page.rows.length;
      last = page.rows.at(-1)?.id ?? last;
      if (page.rows.length < PAGE_ROWS) break;
    }
    const usage = stop();
    await client.end();
    if (seen !== rows || bytes === 0) throw new Error(`${seen} of ${rows} rows came.`);
    return { rows, ...usage };
  },
});
