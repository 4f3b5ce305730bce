import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark } from '../../runner/benchmark.ts';
import { spread } from '../../runner/spread.ts';
import { BENCH_TABLE, createBenchRows, insertBenchRows } from '../../support/bench-rows.ts';
import { benchSource, type BenchSourceOptions } from '../../support/bench-source.ts';
import { HttpReceiver } from '../../support/http-receiver.ts';
import { RunningPipeline } from '../../support/running-pipeline.ts';
import { benchServer } from '../../support/server.ts';
import { type MemorySample, Sampling } from './large-transaction.ts';
import { memoryChart } from './memory-chart.ts';

const SECONDS = { full: 3_600, quick: 15 };
const SAMPLE_MS = { full: 5_000, quick: 500 };
/** Of one transaction; one every tenth of a second. */
const TRANSACTION_ROWS = 100;
const EVERY_MS = 100;

/** What a pipeline holds over an hour of steady writing. */
export const memoryHourBenchmark: Benchmark = {
  name: 'memory-hour',
  summary: 'The memory of the whole pipeline over one hour at 1,000 changes a second.',
  rounds: { full: 1, quick: 1 },
  run: async ({ isQuick, say, signal }) => {
    const size = isQuick ? 'quick' : 'full';
    await using server = await benchServer({ signal });
    await using receiver = await HttpReceiver.start(signal);
    await using database = await server.createDatabase();
    await createBenchRows(database);
    const source: BenchSourceOptions = {
      kind: 'replication',
      url: database.url,
      tables: [BENCH_TABLE],
      slot: database.database,
    };
    await benchSource(source).setup();
    await using pipeline = await RunningPipeline.start({ source, receiver: receiver.url }, signal);
    const sampling = new Sampling(pipeline, SAMPLE_MS[size]);
    let rows = 0;
    const startedAt = performance.now();
    const endsAt = startedAt + SECONDS[size] * 1_000;
    let told = 0;
    try {
      for (let at = startedAt; at < endsAt; at += EVERY_MS) {
        await sleep(Math.max(0, at - performance.now()), undefined, { signal });
        // Half of them are inserted, and then updated.
        const half = TRANSACTION_ROWS / 2;
        await insertBenchRows(database, { rows: half, transactions: 1 });
        await database.query(
          `UPDATE ${BENCH_TABLE} SET quantity = quantity + 1, updated_at = now() WHERE id > (SELECT max(id) - ${half} FROM ${BENCH_TABLE})`,
        );
        rows += TRANSACTION_ROWS;
        const minutes = Math.floor((performance.now() - startedAt) / 60_000);
        if (minutes < told + 5) continue;
        told = minutes;
        say(`${minutes} min: ${((sampling.samples.at(-1)?.rssBytes ?? 0) / 1e6).toFixed(0)} MB`);
      }
      const usage = await pipeline.caughtUp();
      if (usage.delivered !== rows) throw new Error(`${usage.delivered} of ${rows} came.`);
      await pipeline.drain();
      const { samples } = sampling;
      const [early, late] = [typical(samples, 1 / 6, 2 / 6), typical(samples, 5 / 6, 1)];
      const figures = {
        peakMb: Math.round(usage.maxRssBytes / 1e6),
        earlyMb: Math.round(early),
        lateMb: Math.round(late),
        lateOverEarly: Number((late / early).toFixed(3)),
        minutes: SECONDS[size] / 60,
        rows,
        cpuPercent: Number(((usage.cpuSeconds / usage.seconds) * 100).toFixed(2)),
      };
      return {
        figures,
        tables: [
          {
            title: `${figures.minutes} minutes at ${TRANSACTION_ROWS * (1_000 / EVERY_MS)} changes a second`,
            header: [
              'Changes',
              'Peak RSS, MB',
              'Second sixth, MB',
              'Last sixth, MB',
              'CPU, % of one core',
            ],
            rows: [[rows, figures.peakMb, figures.earlyMb, figures.lateMb, figures.cpuPercent]],
          },
        ],
        charts: [memoryChart('memory-hour', 'RSS over time', samples)],
        notes: [
          `PostgreSQL ${server.version}. Half of the changes are inserts, half updates of what was inserted.`,
        ],
      };
    } finally {
      await sampling.stop();
    }
  },
};

/** The middle of what was held between two parts of the time, MB. */
function typical(samples: readonly MemorySample[], from: number, to: number): number {
  const part = samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to));
  return spread(part.map(({ rssBytes }) => rssBytes / 1e6)).median;
}
