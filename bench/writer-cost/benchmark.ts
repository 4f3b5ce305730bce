import type { Benchmark } from '../runner/benchmark.ts';
import { writerCost } from './writer-cost.ts';

/** What capture costs those who write. */
export const writerCostBenchmark: Benchmark = {
  name: 'writer-cost',
  summary: 'Rows/s of writers without triggers beside those with the triggers of listen-notify.',
  rounds: { full: 5, quick: 1 },
  run: async ({ isQuick, rounds, say }) => {
    const { major, costs } = await writerCost(
      ['--rounds', String(rounds), ...(isQuick ? ['--seconds', '0.2'] : [])],
      say,
    );
    return {
      figures: { major, costs },
      tables: [
        {
          title: 'What triggers cost the writer',
          header: ['Work', 'Writers', 'Capture', 'Rows/s', 'Ratio', 'Least', 'Most'],
          rows: costs.map(({ ratio, rowsPerSecond, variant, workload, writers }) => [
            workload,
            writers,
            variant,
            rowsPerSecond.median,
            ratio.median,
            ratio.least,
            ratio.most,
          ]),
        },
      ],
      charts: [],
    };
  },
};
