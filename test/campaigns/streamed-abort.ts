import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replicationSource } from '@certyo-cdc/replication';
import { startPostgres } from '@certyo-cdc/testing';
import type { Campaign } from './runner/campaign.ts';
import { eachRun } from './runner/each-run.ts';
import { bundle } from './support/bundle.ts';

const ROWS = 5_000_000;
const MAX_RSS_BYTES = 256 * 1024 * 1024;

interface Report {
  readonly events: number;
  /** The most that lay in the spool. */
  readonly maxSpoolBytes: number;
  readonly maxRssBytes: number;
}

/** what is streamed and then rolled back is never seen, and costs no memory. */
export const campaign: Campaign = {
  name: 'streamed-abort',
  description:
    'A transaction of 5,000,000 rows is streamed and rolled back: no event, under 256 MB, and nothing is left on disk.',
  runs: 1,
  run: (options) =>
    eachRun(options, async () => {
      await using server = await startPostgres({ major: 18, storage: 'disk' });
      await using database = await server.createDatabase();
      await database.query('CREATE TABLE big (id int PRIMARY KEY, v text)');
      await replicationSource({ connection: database.url, tables: ['big'] }).setup();
      const directory = await mkdtemp(join(tmpdir(), 'streamed-abort-'));
      const program = await bundle(new URL('./support/streaming-process.ts', import.meta.url));
      const child = fork(program, [directory], {
        execArgv: [],
        env: { ...process.env, PG_DSN: database.url },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      const exited = once(child, 'exit').then(([code]) => {
        throw new Error(`The reader ended with ${String(code)}.`);
      });
      exited.catch(() => undefined);
      const report = async (): Promise<Report> => {
        child.send('report');
        const [answer] = (await Promise.race([once(child, 'message'), exited])) as [Report];
        return answer;
      };
      try {
        await Promise.race([once(child, 'message'), exited]);
        const startedAtMs = Date.now();
        const writer = await database.client();
        await writer.query('BEGIN');
        await writer.query(
          `INSERT INTO big SELECT g, repeat('x', 60) FROM generate_series(1, ${ROWS}) g`,
        );
        await writer.query('ROLLBACK');
        await database.query(`INSERT INTO big VALUES (1, 'kept')`);
        const { events, maxRssBytes, maxSpoolBytes } = await report();
        const files = await readdir(directory, { recursive: true });
        const left = files.filter((name) => name.endsWith('.spool'));
        if (events !== 1) throw new Error(`${events} events came, not 1.`);
        if (maxSpoolBytes < ROWS) throw new Error('The transaction was not streamed.');
        if (left.length > 0) throw new Error(`The spool still holds ${left.join(', ')}.`);
        if (maxRssBytes >= MAX_RSS_BYTES) {
          throw new Error(`The process held ${Math.round(maxRssBytes / 2 ** 20)} MB.`);
        }
        return {
          maxRssMb: Math.round(maxRssBytes / 2 ** 20),
          spooledMb: Math.round(maxSpoolBytes / 2 ** 20),
          seconds: Math.round((Date.now() - startedAtMs) / 1000),
        };
      } finally {
        child.kill('SIGKILL');
        await rm(directory, { recursive: true, force: true });
      }
    }),
};
