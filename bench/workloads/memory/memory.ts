import type { Benchmark } from '../../runner/benchmark.ts';
import { type Spread, spread } from '../../runner/spread.ts';
import { HttpReceiver } from '../../support/http-receiver.ts';
import { benchServer } from '../../support/server.ts';
import { deliverLargeTransaction, type LargeTransaction } from './large-transaction.ts';
import { memoryChart } from './memory-chart.ts';

const ROWS = { full: 5_000_000, quick: 100_000 };

/** What a pipeline holds while one transaction passes through it. */
export const memoryBenchmark: Benchmark = {
  name: 'memory',
  summary: 'The most memory that the whole pipeline holds while one large transaction passes.',
  rounds: { full: 5, quick: 1 },
  run: async ({ isQuick, rounds, say, signal }) => {
    const rows = ROWS[isQuick ? 'quick' : 'full'];
    await using server = await benchServer({ signal });
    await using receiver = await HttpReceiver.start(signal);
    const passed: LargeTransaction[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await using database = await server.createDatabase();
      const large = await deliverLargeTransaction(
        { database, rows, receiver: receiver.url },
        signal,
      );
      passed.push(large);
      const { cpuSeconds, maxRssBytes, seconds } = large.usage;
      say(
        `${round + 1}  ${rows} rows in ${seconds.toFixed(0)} s, ${cpuSeconds.toFixed(0)} s of CPU, at most ${(maxRssBytes / 1e6).toFixed(0)} MB`,
      );
    }
    const peak = over(passed, ({ usage }) => usage.maxRssBytes / 1e6);
    const cpu = over(passed, ({ usage }) => (usage.cpuSeconds / rows) * 1e6);
    const last = passed.at(-1);
    return {
      figures: {
        peakMb: Math.round(peak.median),
        peakMbMost: Math.round(peak.most),
        rows,
        cpuSecondsPerMillion: Number(cpu.median.toFixed(2)),
      },
      tables: [
        {
          title: 'One transaction through the whole pipeline',
          header: ['Rows', 'Peak RSS, MB', 'most', 'CPU s per million rows'],
          rows: [
            [rows, Math.round(peak.median), Math.round(peak.most), Number(cpu.median.toFixed(2))],
          ],
        },
      ],
      charts:
        last === undefined
          ? []
          : [
              memoryChart(
                'memory',
                `One transaction of ${rows.toLocaleString('en')} rows`,
                last.samples,
              ),
            ],
      notes: [
        `PostgreSQL ${server.version}. The pipeline runs when the transaction begins, and has delivered and acknowledged every row when it is looked at; RSS is that of the Node process, its start included. The process has no limit on its heap.`,
      ],
    };
  },
};

function over(
  passed: readonly LargeTransaction[],
  of: (large: LargeTransaction) => number,
): Spread {
  return spread(passed.map(of));
}
