import type { Benchmark } from '../../runner/benchmark.ts';
import { type DrainMeasure, drainLine, drainSummary, rowsPerSecond } from '../../runner/drain.ts';
import { pairedRounds, ratioOf, type Variant } from '../../runner/paired-rounds.ts';
import { figure } from '../../runner/spread.ts';
import { BENCH_TABLE, createBenchRows, insertBenchRows } from '../../support/bench-rows.ts';
import { benchServer } from '../../support/server.ts';
import { type CopyTask, PSQL_MISSING, psqlCopy } from '../../yardsticks/psql-copy.ts';
import { copyOnce } from './copy-once.ts';

const OURS = 'certyo-cdc, null sink';
const OURS_BYTES = 'certyo-cdc, canonical bytes';
const PSQL = 'psql COPY TO STDOUT';

/** Rows of nine columns, about 200 bytes as text; and of two integers, where there is least to do for each row. */
const ROWS = { full: 2_000_000, quick: 100_000 };
const NARROW_ROWS = { full: 5_000_000, quick: 200_000 };
const NARROW = 'public.narrow';

/** The first copy. */
export const copyBenchmark: Benchmark = {
  name: 'copy',
  summary: 'The first copy of a table to a null sink, beside psql reading COPY TO STDOUT.',
  rounds: { full: 5, quick: 1 },
  run: async ({ isQuick, rounds, say, signal }) => {
    const size = isQuick ? 'quick' : 'full';
    await using server = await benchServer({ signal });
    await using database = await server.createDatabase();
    await createBenchRows(database);
    await insertBenchRows(database, { rows: ROWS[size], transactions: 10 });
    await database.query(`CREATE TABLE ${NARROW} (id int PRIMARY KEY, v int NOT NULL)`);
    await database.query(
      `INSERT INTO ${NARROW} SELECT g, g % 1000 FROM generate_series(1, ${NARROW_ROWS[size]}) g`,
    );
    // Who reads first sets no hint bits for the others.
    for (const table of [BENCH_TABLE, NARROW])
      await database.query(`VACUUM (FREEZE, ANALYZE) ${table}`);
    await database.query('CHECKPOINT');
    say(`PostgreSQL ${server.version}, ${ROWS[size]} rows of nine columns`);
    if (PSQL_MISSING !== null) say(`skipped: ${PSQL_MISSING}`);
    const { url } = database;
    const copies = (task: CopyTask): Promise<ReadonlyMap<string, readonly DrainMeasure[]>> =>
      pairedRounds(variants(task, signal), {
        rounds,
        signal,
        onMeasure: (...turn) => say(drainLine(...turn)),
      });
    const wide = await copies({ url, table: BENCH_TABLE, rows: ROWS[size] });
    say(`${NARROW_ROWS[size]} rows of two integers`);
    const narrow = await copies({ url, table: NARROW, rows: NARROW_ROWS[size] });
    const ratios = (of: typeof wide): Readonly<Record<string, unknown>> => ({
      ...figure('vsPsqlCopy', ratioOf(of, OURS, PSQL, rowsPerSecond)),
      ...figure('canonicalVsPsqlCopy', ratioOf(of, OURS_BYTES, PSQL, rowsPerSecond)),
    });
    const summary = drainSummary('First copy of nine columns', 'copy', wide);
    const narrowSummary = drainSummary('First copy of two integers', 'copy-narrow', narrow);
    return {
      figures: {
        ...ratios(wide),
        ...summary.figures,
        narrow: { ...ratios(narrow), ...narrowSummary.figures },
      },
      tables: [...summary.tables, ...narrowSummary.tables],
      charts: [...summary.charts.slice(0, 1), ...narrowSummary.charts.slice(0, 1)],
      notes: [
        'Ours counts from the making of the slot and its snapshot until the source has caught up, everything acknowledged; psql from its start to its end.',
        'Ours reads a table over two connections at once (the default of `copy.parallel`), each a range of its blocks; psql reads it over one. A null sink looks at no row; with `canonical bytes` it takes the canonical JSON of every row and drops it.',
        ...(PSQL_MISSING === null ? [] : [`psql was skipped: ${PSQL_MISSING}`]),
      ],
    };
  },
};

function variants(task: CopyTask, signal: AbortSignal): readonly Variant<DrainMeasure>[] {
  return [
    { name: OURS, measure: () => copyOnce(task, { signal, takesBytes: false }) },
    { name: OURS_BYTES, measure: () => copyOnce(task, { signal, takesBytes: true }) },
    ...(PSQL_MISSING === null
      ? [{ name: PSQL, measure: (): Promise<DrainMeasure> => psqlCopy(task, signal) }]
      : []),
  ];
}
