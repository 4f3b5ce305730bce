import { startPostgres } from '@certyo-cdc/testing';
import { copyOnce } from '../../bench/workloads/copy/copy-once.ts';
import { psqlCopy } from '../../bench/yardsticks/psql-copy.ts';
import type { Campaign } from './runner/campaign.ts';
import { eachRun } from './runner/each-run.ts';

/** Rows of the table; `FIRST_COPY_ROWS` sets another number. */
const ROWS = Number(process.env['FIRST_COPY_ROWS'] ?? 10_000_000);
/** The tests ask for none: what else a machine does says nothing about the code. */
const LEAST_RATIO = Number(process.env['FIRST_COPY_LEAST_RATIO'] ?? 0.7);
const MAX_RSS_BYTES = 256 * 1024 * 1024;

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
      const task = { url: database.url, table: 'public.narrow', rows: ROWS };
      const { signal } = options;
      const psqlBefore = await psqlCopy(task, signal);
      const report = await copyOnce(task, { signal, takesBytes: false });
      const psqlAfter = await psqlCopy(task, signal);
      const rate = ROWS / report.seconds;
      const psqlRate = ROWS / ((psqlBefore.seconds + psqlAfter.seconds) / 2);
      const ratio = rate / psqlRate;
      const counted = {
        rows: ROWS,
        rowsPerSecond: Math.round(rate),
        psqlRowsPerSecond: Math.round(psqlRate),
        percentOfPsql: Math.round(ratio * 100),
        maxRssMb: Math.round(report.maxRssBytes / 2 ** 20),
      };
      const measured = JSON.stringify(counted);
      if (ratio < LEAST_RATIO) throw new Error(`The copy is too slow: ${measured}.`);
      if (report.maxRssBytes >= MAX_RSS_BYTES) throw new Error(`Memory is not flat: ${measured}.`);
      return counted;
    }),
};
