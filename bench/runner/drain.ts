import type { Usage } from '../support/meter.ts';
import type { BarChart, BenchmarkResult } from './benchmark.ts';
import { figureOf, type Measures } from './paired-rounds.ts';
import { rounded, type Spread } from './spread.ts';

/** What one reading of the written log came to. CPU and memory are those of the client. */
export interface DrainMeasure extends Usage {
  readonly rows: number;
}

export function rowsPerSecond({ rows, seconds }: DrainMeasure): number {
  return rows / seconds;
}

export function cpuSecondsPerMillion({ cpuSeconds, rows }: DrainMeasure): number {
  return (cpuSeconds / rows) * 1e6;
}

export function megabytes({ maxRssBytes }: DrainMeasure): number {
  return maxRssBytes / 1e6;
}

/** One line about a turn. */
export function drainLine(variant: string, round: number, measure: DrainMeasure): string {
  const rate = Math.round(rowsPerSecond(measure)).toLocaleString('en');
  const cpu = cpuSecondsPerMillion(measure).toFixed(2);
  return `${String(round + 1).padStart(2)}  ${variant.padEnd(44)}${rate.padStart(8)} rows/s  ${cpu.padStart(6)} CPU s/million  ${megabytes(measure).toFixed(0).padStart(5)} MB`;
}

/** Figures, a table and charts of all variants: how fast, for how much CPU and memory. */
export function drainSummary(
  title: string,
  name: string,
  measures: Measures<DrainMeasure>,
): BenchmarkResult {
  const names = [...measures.keys()];
  const all = (of: (measure: DrainMeasure) => number): readonly (readonly [string, Spread])[] =>
    names.map((variant) => [variant, figureOf(measures, variant, of)]);
  const [rates, costs, peaks] = [
    all(rowsPerSecond),
    all(cpuSecondsPerMillion),
    all(megabytes),
  ] as const;
  const figures = (of: typeof rates, digits: number): Readonly<Record<string, number>> =>
    Object.fromEntries(of.map(([variant, value]) => [variant, rounded(value, digits).median]));
  const bars = (of: typeof rates): BarChart['bars'] =>
    of.map(([label, value]) => ({ label, value }));
  return {
    figures: {
      rowsPerSecond: figures(rates, 0),
      cpuSecondsPerMillion: figures(costs, 2),
      peakMb: figures(peaks, 0),
    },
    tables: [
      {
        title,
        header: [
          '',
          'Rows/s',
          'least',
          'most',
          'CPU s per million rows',
          'least',
          'most',
          'Peak RSS, MB',
        ],
        rows: names.map((variant, index) => {
          const [rate, cost, peak] = [
            rounded(rates[index]?.[1] ?? NOTHING, 0),
            rounded(costs[index]?.[1] ?? NOTHING, 2),
            rounded(peaks[index]?.[1] ?? NOTHING, 0),
          ];
          return [variant, ...cells(rate), ...cells(cost), peak.median];
        }),
      },
    ],
    charts: [
      {
        kind: 'bars',
        name: `${name}-rate`,
        title: `${title}: rows per second`,
        unit: 'rows/s',
        bars: bars(rates),
      },
      {
        kind: 'bars',
        name: `${name}-cpu`,
        title: `${title}: CPU per million rows`,
        unit: 's',
        bars: bars(costs),
      },
    ],
  };
}

const NOTHING: Spread = { median: Number.NaN, least: Number.NaN, most: Number.NaN };

function cells({ least, median, most }: Spread): readonly number[] {
  return [median, least, most];
}
