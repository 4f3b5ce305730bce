import type { Benchmark, BenchmarkContext, LineChart, Table } from '../../runner/benchmark.ts';
import { pairedRounds, figureOf } from '../../runner/paired-rounds.ts';
import { HttpReceiver } from '../../support/http-receiver.ts';
import { benchServer } from '../../support/server.ts';
import { cpuOfAnEvent, type GrowthPoint } from './growth-point.ts';
import { bytesPoint, columnsPoint, eventsPoint, tablesPoint } from './growth-series.ts';
import { mostOverLeast, spreadAround, straightLine } from './straight-line.ts';

/** What grows while everything else stays as it is. */
interface Series {
  /** File name of the chart. */
  readonly name: string;
  /** Of what there is more and more. */
  readonly of: string;
  /** One of them. */
  readonly unit: string;
  /** What costs the same, however many there are: an event, or each one of what grows. */
  readonly constant: 'event' | 'unit';
  readonly point: (x: number, isQuick: boolean) => GrowthPoint;
  readonly full: readonly number[];
  readonly quick: readonly number[];
}

const EVENTS: Series = {
  name: 'growth-events',
  of: 'events',
  unit: 'event',
  constant: 'event',
  point: eventsPoint,
  full: [10_000, 100_000, 1_000_000, 10_000_000],
  quick: [10_000, 30_000],
};
const TABLES: Series = {
  name: 'growth-tables',
  of: 'tables',
  unit: 'table',
  constant: 'event',
  point: tablesPoint,
  full: [1, 10, 100, 1_000, 5_000],
  quick: [1, 50],
};
const BYTES: Series = {
  name: 'growth-bytes',
  of: 'bytes of a row',
  unit: 'byte',
  constant: 'unit',
  point: bytesPoint,
  full: [100, 1_000, 10_000, 100_000, 1_000_000],
  quick: [100, 10_000, 1_000_000],
};
const COLUMNS: Series = {
  name: 'growth-columns',
  of: 'columns',
  unit: 'column',
  constant: 'unit',
  point: columnsPoint,
  full: [2, 10, 100, 1_000],
  quick: [2, 100, 1_000],
};

/** Whether cost stays what it is when there is more of everything. */
export const growthBenchmark: Benchmark = {
  name: 'growth',
  summary:
    'CPU of the whole pipeline for each event, byte and column, with more and more events, tables, bytes and columns.',
  rounds: { full: 5, quick: 1 },
  run: async (context) => {
    const { signal } = context;
    // A transaction that publishes or locks thousands of tables at once.
    const settings = { max_locks_per_transaction: 1_024 };
    await using server = await benchServer({ signal, settings });
    await using receiver = await HttpReceiver.start(signal);
    const measure = (point: GrowthPoint): Promise<number> =>
      cpuOfAnEvent(point, server, receiver, signal);
    const grown: Grown[] = [];
    for (const series of [EVENTS, TABLES, BYTES, COLUMNS])
      grown.push(await growth(series, measure, context));
    const [events, tables, bytes, columns] = grown.map(({ figures }) => figures);
    return {
      figures: {
        costPerEvent: { events, tables },
        costPerByte: bytes,
        costPerColumn: columns,
      },
      tables: grown.map(({ table }) => table),
      charts: grown.map(({ chart }) => chart),
      notes: [
        `PostgreSQL ${server.version}; the whole pipeline to an HTTP receiver, requests of at most 1,000 records. It has warmed up when it is measured; it is frozen while rows are written, so that it finds them at once, and what it costs to start is not counted. Events fewer than 200,000 are written and found several times, so many at a time; each time ends with a checkpoint and its acknowledgement, which take 2 to 5 ms together.`,
        'An event has a cost of its own that no byte and no column makes, so the cost of each byte or column falls with their number. The straight line `fixed + n × each` that comes nearest is given beside it; `around the line` is how far the measured costs are from it, the most over the least.',
      ],
    };
  },
};

interface Grown {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly table: Table;
  readonly chart: LineChart;
}

async function growth(
  series: Series,
  measure: (point: GrowthPoint) => Promise<number>,
  { isQuick, rounds, say, signal }: BenchmarkContext,
): Promise<Grown> {
  const points = (isQuick ? series.quick : series.full).map((x) => series.point(x, isQuick));
  const measures = await pairedRounds(
    points.map((point) => ({ name: String(point.x), measure: () => measure(point) })),
    {
      rounds,
      signal,
      onMeasure: (x, round, cpuSeconds) => {
        const micros = (cpuSeconds * 1e6).toFixed(2);
        say(
          `${String(round + 1).padStart(2)}  ${x.padStart(9)} ${series.of}: ${micros} µs of CPU an event`,
        );
      },
    },
  );
  const costs = points.map(({ x }) => {
    const micros = figureOf(measures, String(x), (cpuSeconds) => cpuSeconds * 1e6);
    return { x, ...micros, nanosPerUnit: (micros.median * 1e3) / x };
  });
  const isPerUnit = series.constant === 'unit';
  const ratio = mostOverLeast(
    costs.map(({ median, nanosPerUnit }) => (isPerUnit ? nanosPerUnit : median)),
  );
  const sizes = costs.map(({ median, x }) => ({ size: x, cost: median }));
  const line = straightLine(sizes);
  return {
    figures: {
      mostOverLeast: toDigits(ratio, 3),
      ...(isPerUnit
        ? {
            fixedMicrosPerEvent: toDigits(line.fixed, 3),
            nanosEach: toDigits(line.perUnit * 1e3, 4),
            mostOverLeastAroundLine: toDigits(spreadAround(line, sizes), 3),
          }
        : {}),
      points: costs.map(({ least, median, most, nanosPerUnit, x }) => ({
        x,
        microsPerEvent: toDigits(median, 3),
        least: toDigits(least, 3),
        most: toDigits(most, 3),
        ...(isPerUnit ? { nanosEach: toDigits(nanosPerUnit, 4) } : {}),
      })),
    },
    table: {
      title: isPerUnit
        ? `More ${series.of}: ${toDigits(line.fixed, 2)} µs an event + ${toDigits(line.perUnit * 1e3, 3)} ns a ${series.unit}; around the line within ${toDigits(spreadAround(line, sizes), 2)}`
        : `More ${series.of}: within ${toDigits(ratio, 2)}`,
      header: [
        series.of,
        'CPU µs an event',
        'least',
        'most',
        ...(isPerUnit ? [`CPU ns a ${series.unit}`] : []),
      ],
      rows: costs.map(({ least, median, most, nanosPerUnit, x }) => [
        x,
        toDigits(median, 2),
        toDigits(least, 2),
        toDigits(most, 2),
        ...(isPerUnit ? [toDigits(nanosPerUnit, 3)] : []),
      ]),
    },
    chart: {
      kind: 'lines',
      name: series.name,
      title: `CPU with more ${series.of}`,
      x: { label: series.of, isLogarithmic: true },
      y: { label: 'µs an event', isLogarithmic: isPerUnit },
      lines: [
        { label: 'the whole pipeline', points: costs.map(({ median, x }) => ({ x, y: median })) },
        ...(isPerUnit
          ? [
              {
                label: `${toDigits(line.fixed, 2)} µs + ${toDigits(line.perUnit * 1e3, 3)} ns a ${series.unit}`,
                points: costs.map(({ x }) => ({ x, y: line.fixed + line.perUnit * x })),
              },
            ]
          : []),
      ],
    },
  };
}

function toDigits(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
