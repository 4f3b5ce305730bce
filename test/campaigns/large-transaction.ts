import { fork } from 'node:child_process';
import { once } from 'node:events';
import { replicationSource } from '@certyo-cdc/replication';
import { startCertyoEmulator, startPostgres } from '@certyo-cdc/testing';
import type { Campaign } from './runner/campaign.ts';
import { eachRun } from './runner/each-run.ts';
import { bundle } from './support/bundle.ts';

const ROWS = 1_000_000;
const MAX_RSS_BYTES = 256 * 1024 * 1024;

interface Report {
  readonly maxRssBytes: number;
  readonly received: number;
  readonly delivered: number;
  readonly cpuSeconds: number;
}

/** I7: memory is bounded by bytes, whatever the size of a transaction. */
export const campaign: Campaign = {
  name: 'large-transaction',
  description: 'One transaction of 1,000,000 rows; the process stays under 256 MB.',
  runs: 1,
  run: (options) =>
    eachRun(options, async () => {
      await using server = await startPostgres({ major: 18 });
      await using emulator = await startCertyoEmulator({ retention: 'counts' });
      await using database = await server.createDatabase();
      await database.query(
        `CREATE TABLE big (id bigserial PRIMARY KEY, name text, note text, amount numeric, n int, ok bool,
                           doc jsonb, at timestamptz DEFAULT now(), seen timestamptz)`,
      );
      await replicationSource({ connection: database.url, tables: ['public.big'] }).setup();
      const program = await bundle(new URL('./support/memory-process.ts', import.meta.url));
      const child = fork(program, [], {
        execArgv: [],
        env: { ...process.env, PG_DSN: database.url, ...emulator.environment },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      const exited = once(child, 'exit').then(([code]) => {
        throw new Error(`The pipeline ended with ${String(code)}.`);
      });
      exited.catch(() => undefined);
      try {
        await Promise.race([once(child, 'message'), exited]);
        await database.query(
          `INSERT INTO big (name, note, amount, n, ok, doc, seen)
           SELECT 'name ' || g, repeat('x', 60), g * 1.25, g, g % 2 = 0, jsonb_build_object('g', g, 'list', jsonb_build_array(1, 2, 3)), now()
             FROM generate_series(1, ${ROWS}) g`,
        );
        const startedAtMs = Date.now();
        child.send('report');
        const [report] = (await Promise.race([once(child, 'message'), exited])) as [Report];
        const seconds = (Date.now() - startedAtMs) / 1000;
        if (report.delivered !== ROWS || emulator.counters.effects !== ROWS) {
          throw new Error(`${report.delivered} of ${ROWS} rows were delivered.`);
        }
        if (report.maxRssBytes >= MAX_RSS_BYTES) {
          throw new Error(`The process held ${Math.round(report.maxRssBytes / 2 ** 20)} MB.`);
        }
        return {
          rows: report.delivered,
          maxRssMb: Math.round(report.maxRssBytes / 2 ** 20),
          seconds: Math.round(seconds),
          cpuSeconds: Math.round(report.cpuSeconds),
        };
      } finally {
        child.kill('SIGKILL');
      }
    }),
};
