/** Writes rows at a steady rate, and notes when each was committed. */
import { Client } from 'pg';
import { BENCH_COLUMNS, BENCH_TABLE, BENCH_VALUES } from '../../support/bench-rows.ts';
import { serveParent } from '../../support/serve-parent.ts';
import type { Written, WriteInput } from './latency.ts';

/** The server's clock gives microseconds since 1970; `process.hrtime` is the same clock in all processes, from somewhere. */
const clockToHrtime: bigint =
  process.hrtime.bigint() -
  BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;

const SQL = `INSERT INTO ${BENCH_TABLE} (${BENCH_COLUMNS}) SELECT ${BENCH_VALUES} FROM generate_series($1::int, $2::int) i
  RETURNING id::text, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text AS at`;

serveParent({
  /** As many rows a second as it is told, each transaction on the first connection that is free. */
  write: async (input: WriteInput): Promise<readonly Written[]> => {
    const { connections, perSecond, rowsPerTransaction, seconds, url } = input;
    const free: Client[] = [];
    for (let n = 0; n < connections; n += 1) {
      const client = new Client({ connectionString: url });
      await client.connect();
      free.push(client);
    }
    const written: Written[] = [];
    const total = Math.round((seconds * perSecond) / rowsPerTransaction);
    let begun = 0;
    await new Promise<void>((resolve, reject) => {
      let ended = 0;
      const startedAt = performance.now();
      const insert = async (client: Client): Promise<void> => {
        const first = begun * rowsPerTransaction;
        begun += 1;
        const { rows } = await client.query<{ id: string; at: string }>({
          name: 'insert',
          text: SQL,
          values: [first + 1, first + rowsPerTransaction],
        });
        const committedAt = String(process.hrtime.bigint());
        for (const { at, id } of rows) {
          written.push([id, String(BigInt(at) * 1000n + clockToHrtime), committedAt]);
        }
        free.push(client);
        ended += 1;
        if (ended === total) {
          clearInterval(timer);
          resolve();
        }
      };
      const timer = setInterval(() => {
        const due = ((performance.now() - startedAt) / 1000) * (perSecond / rowsPerTransaction);
        while (begun < Math.min(due, total)) {
          const client = free.pop();
          // All are waiting for the server: what is due is written as soon as one is free.
          if (client === undefined) return;
          insert(client).catch(reject);
        }
      }, 1);
    });
    await Promise.all(free.map((client) => client.end()));
    return written;
  },
});
