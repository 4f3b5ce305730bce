import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { replicationSource } from '@certyo-cdc/replication';
import { startPostgres } from '@certyo-cdc/testing';
import type { Campaign } from './runner/campaign.ts';
import { eachRun } from './runner/each-run.ts';
import { bundle } from './support/bundle.ts';

/** Rows of the table; `FIRST_COPY_ROWS` sets another number. */
const ROWS = Number(process.env['FIRST_COPY_ROWS'] ?? 10_000_000);
/** The tests ask for none: what else a machine does says nothing about the code. */
const LEAST_RATIO = Number(process.env['FIRST_COPY_LEAST_RATIO'] ?? 0.7);
const PSQL = 'psql';
const MAX_RSS_BYTES = 256 * 1024 * 1024;

interface Report {
  readonly rows: number;
  readonly seconds: number;
  readonly maxRssBytes: number;
}

/** The rate of the first copy against that of `COPY … TO STDOUT` read by psql, one right after the other on one server. */
export const campaign: Campaign = {
  name: 'first-copy',
  description: `First copy of ${ROWS.toLocaleString('en')} narrow rows to a null sink, against psql; flat memory.`,
  runs: 1,
  run: (options) =>
    eachRun(options, async () => {
      await using server = await startPostgres({ major: 18 });
      await using database = await server.createDatabase();
      await database.query('CREATE TABLE narrow (id int PRIMARY KEY, v int NOT NULL)');
      await database.query(
        `INSERT INTO narrow SELECT g, g % 1000 FROM generate_series(1, ${ROWS}) g`,
      );
      await database.query('VACUUM (FREEZE, ANALYZE) narrow');
      const source = replicationSource({
        connection: database.url,
        tables: ['public.narrow'],
        slot: database.database,
        copy: true,
      });
      await source.setup();
      const program = await bundle(new URL('./support/copy-process.ts', import.meta.url));
      const psqlBefore = await readByPsql(database.url);
      const report = await copyInProcess(program, database.url, database.database);
      const psqlAfter = await readByPsql(database.url);
      await source.teardown({ state: true });
      if (report.rows !== ROWS) throw new Error(`${report.rows} of ${ROWS} rows were copied.`);
      const rate = ROWS / report.seconds;
      const ratio = rate / (ROWS / ((psqlBefore + psqlAfter) / 2));
      const counted = {
        rows: ROWS,
        rowsPerSecond: Math.round(rate),
        psqlRowsPerSecond: Math.round(ROWS / ((psqlBefore + psqlAfter) / 2)),
        percentOfPsql: Math.round(ratio * 100),
        maxRssMb: Math.round(report.maxRssBytes / 2 ** 20),
      };
      const measured = JSON.stringify(counted);
      if (ratio < LEAST_RATIO) throw new Error(`The copy is too slow: ${measured}.`);
      if (report.maxRssBytes >= MAX_RSS_BYTES) throw new Error(`Memory is not flat: ${measured}.`);
      return counted;
    }),
};

/** Seconds that psql takes, which has to be installed. */
async function readByPsql(url: string): Promise<number> {
  const startedAtMs = performance.now();
  const child = spawn(PSQL, [url, '-qAtc', 'COPY narrow TO STDOUT'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await exitOf(child);
  if (code !== 0) throw new Error(`psql ended with ${String(code)}.`);
  return (performance.now() - startedAtMs) / 1_000;
}

async function copyInProcess(program: string, url: string, slot: string): Promise<Report> {
  const child = fork(program, [], {
    execArgv: [],
    env: { ...process.env, PG_DSN: url, COPY_SLOT: slot },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const failed = exitOf(child).then((code) => {
    throw new Error(`The copy ended with ${String(code)}.`);
  });
  failed.catch(() => undefined);
  try {
    const [report] = (await Promise.race([once(child, 'message'), failed])) as [Report];
    return report;
  } finally {
    child.kill('SIGKILL');
    await exitOf(child);
  }
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}
