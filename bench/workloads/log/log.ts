import type { PostgresServer, TestDatabase } from '@certyo-cdc/testing';
import type { Benchmark } from '../../runner/benchmark.ts';
import {
  cpuSecondsPerMillion,
  type DrainMeasure,
  drainLine,
  drainSummary,
  megabytes,
  rowsPerSecond,
} from '../../runner/drain.ts';
import {
  figureOf,
  type Measures,
  pairedRounds,
  ratioOf,
  type Variant,
} from '../../runner/paired-rounds.ts';
import { figure } from '../../runner/spread.ts';
import {
  BENCH_TABLE,
  type BenchSize,
  createBenchRows,
  insertBenchRows,
} from '../../support/bench-rows.ts';
import { benchSource, type BenchSourceOptions } from '../../support/bench-source.ts';
import { HttpReceiver } from '../../support/http-receiver.ts';
import { askOnce } from '../../support/measured-process.ts';
import { RunningPipeline } from '../../support/running-pipeline.ts';
import { benchServer } from '../../support/server.ts';

const SIZES: Readonly<Record<'full' | 'quick', BenchSize>> = {
  full: { rows: 200_000, transactions: 200 },
  quick: { rows: 10_000, transactions: 10 },
};

const CHANGE_LOG = 'certyo-cdc change log';
const CHANGE_LOG_PIPELINE = 'certyo-cdc change log, pipeline';
const POLLING = 'certyo-cdc polling';
const POLLING_PIPELINE = 'certyo-cdc polling, pipeline';
const PAGES = 'node-postgres, SELECT by pages';

/** The sources that need no replication. */
export const logBenchmark: Benchmark = {
  name: 'log',
  summary:
    'The change log and polling, alone and with the whole pipeline, beside a SELECT by pages written by hand.',
  rounds: { full: 5, quick: 1 },
  run: async ({ isQuick, rounds, say, signal }) => {
    const size = SIZES[isQuick ? 'quick' : 'full'];
    await using server = await benchServer({ signal });
    await using receiver = await HttpReceiver.start(signal);
    say(`PostgreSQL ${server.version}, ${size.rows} rows in ${size.transactions} transactions`);
    const source = (kind: BenchSourceOptions['kind']) => (): Promise<DrainMeasure> =>
      written(server, kind, size, (options) =>
        askOnce(
          new URL('./source-process.ts', import.meta.url),
          'drain',
          { ...options, rows: size.rows },
          { signal },
        ),
      );
    const pipeline = (kind: BenchSourceOptions['kind']) => (): Promise<DrainMeasure> =>
      written(server, kind, size, (options) =>
        drainByPipeline(options, size.rows, receiver.url, signal),
      );
    const variants: readonly Variant<DrainMeasure>[] = [
      { name: CHANGE_LOG, measure: source('listen-notify') },
      { name: CHANGE_LOG_PIPELINE, measure: pipeline('listen-notify') },
      { name: POLLING, measure: source('polling') },
      { name: POLLING_PIPELINE, measure: pipeline('polling') },
      {
        name: PAGES,
        measure: () =>
          written(server, null, size, ({ url }) =>
            askOnce(
              new URL('../../yardsticks/pg-pages.ts', import.meta.url),
              'drain',
              { url, table: BENCH_TABLE, rows: size.rows },
              { signal },
            ),
          ),
      },
    ];
    const measures = await pairedRounds(variants, {
      rounds,
      signal,
      onMeasure: (...turn) => say(drainLine(...turn)),
    });
    return {
      ...drainSummary('Change log and polling', 'log', measures),
      figures: {
        changeLog: figuresOf(measures, CHANGE_LOG, CHANGE_LOG_PIPELINE),
        polling: figuresOf(measures, POLLING, POLLING_PIPELINE),
        pages: oneOf(measures, PAGES),
      },
      notes: [
        'Alone the sources give the canonical bytes of every row, which are dropped; with the pipeline they are delivered over HTTP, in requests of at most 1,000 records.',
        'All rows are written before anybody reads, into a database of its own in every turn. The change log keeps the row of each change, and is pruned by its reader while it reads; polling reads the rows as they are in the table.',
        'The SELECT by pages does less: it knows of no update and no delete, misses rows of transactions that commit late, and keeps no place to go on from.',
      ],
    };
  },
};

/** Writes the rows where a source captures them, or nobody does, and has them read. */
async function written(
  server: PostgresServer,
  kind: BenchSourceOptions['kind'] | null,
  size: BenchSize,
  read: (options: BenchSourceOptions) => Promise<DrainMeasure>,
): Promise<DrainMeasure> {
  await using database: TestDatabase = await server.createDatabase();
  await createBenchRows(database);
  const options: BenchSourceOptions = {
    kind: kind ?? 'polling',
    url: database.url,
    tables: [BENCH_TABLE],
    slot: database.database,
  };
  if (kind !== null) await benchSource(options).setup();
  await insertBenchRows(database, size);
  // Nothing of the server's own is left to be done while it is measured.
  await database.query('VACUUM (ANALYZE)');
  await database.query('CHECKPOINT');
  return await read(options);
}

async function drainByPipeline(
  source: BenchSourceOptions,
  rows: number,
  receiver: string,
  signal: AbortSignal,
): Promise<DrainMeasure> {
  await using pipeline = await RunningPipeline.start({ source, receiver, maxItems: 1_000 }, signal);
  const { delivered, ...usage } = await pipeline.caughtUp();
  if (delivered !== rows) throw new Error(`${delivered} of ${rows} came.`);
  await pipeline.drain();
  return { rows, ...usage };
}

function figuresOf(
  measures: Measures<DrainMeasure>,
  source: string,
  pipeline: string,
): Readonly<Record<string, unknown>> {
  return {
    ...figure('vsPages', ratioOf(measures, source, PAGES, rowsPerSecond)),
    ...figure('cpuVsPages', ratioOf(measures, source, PAGES, cpuSecondsPerMillion)),
    ...oneOf(measures, source),
    pipeline: oneOf(measures, pipeline),
  };
}

function oneOf(measures: Measures<DrainMeasure>, name: string): Readonly<Record<string, unknown>> {
  return {
    ...figure('rowsPerSecond', figureOf(measures, name, rowsPerSecond), 0),
    ...figure('cpuSecondsPerMillion', figureOf(measures, name, cpuSecondsPerMillion), 2),
    ...figure('peakMb', figureOf(measures, name, megabytes), 0),
  };
}
