import type { TestDatabase } from '@certyo-cdc/testing';
import type { Benchmark } from '../../runner/benchmark.ts';
import { figureOf, type Measures, pairedRounds, type Variant } from '../../runner/paired-rounds.ts';
import { rounded } from '../../runner/spread.ts';
import { BENCH_TABLE, createBenchRows } from '../../support/bench-rows.ts';
import { benchSource, type BenchSourceOptions } from '../../support/bench-source.ts';
import { HttpReceiver } from '../../support/http-receiver.ts';
import { MeasuredProcess } from '../../support/measured-process.ts';
import { RunningPipeline } from '../../support/running-pipeline.ts';
import { benchServer } from '../../support/server.ts';
import { type Percentiles, percentiles } from './percentiles.ts';

/** What the writer is to do. */
export interface WriteInput {
  readonly url: string;
  readonly perSecond: number;
  readonly rowsPerTransaction: number;
  readonly seconds: number;
  readonly connections: number;
}

/** A row: its id, when it was written by the server's clock, and when the writer learned of the commit; as `process.hrtime`. */
export type Written = readonly [id: string, writtenAt: string, committedAt: string];

interface Load {
  readonly name: string;
  readonly perSecond: number;
  readonly rowsPerTransaction: number;
  readonly lingerMs: number | false;
}

interface LatencyMeasure {
  /** Milliseconds from the moment at which the writer learned of the commit to the arrival of the request. */
  readonly fromCommit: Percentiles;
  /** The same from the moment at which the row was written, which is before the commit. */
  readonly fromWrite: Percentiles;
  readonly perSecond: number;
}

const LINGER_MS = 50;

const LOADS: readonly Load[] = [
  { name: '100', perSecond: 100, rowsPerTransaction: 1, lingerMs: false },
  { name: '1000', perSecond: 1_000, rowsPerTransaction: 1, lingerMs: false },
  { name: '5000', perSecond: 5_000, rowsPerTransaction: 5, lingerMs: false },
];

/** So few that each change waits for company in vain. */
const [ALONE, LINGERING]: readonly [Load, Load] = [
  { name: '10, linger 0', perSecond: 10, rowsPerTransaction: 1, lingerMs: false },
  { name: `10, linger ${LINGER_MS} ms`, perSecond: 10, rowsPerTransaction: 1, lingerMs: LINGER_MS },
];

const NOTES = [
  'The writer notes the time when it has learned of the commit: a change can arrive before that, so this is the least that it may have taken. From the clock of the server when the row was written, which is before the commit has reached the disk, it is the most.',
  'Server, writer, pipeline and receiver share the cores of the machine. 100 and 1,000 changes a second come in transactions of one row, 5,000 in transactions of five; what comes in the first tenth of the time, at most one second, does not count.',
];

/** From the commit to the arrival of the request. */
export const latencyBenchmark: Benchmark = {
  name: 'latency',
  summary:
    'Milliseconds from a commit to the arrival of its request, at several rates, and what linger adds.',
  rounds: { full: 5, quick: 1 },
  run: async ({ isQuick, rounds, say, signal }) => {
    await using server = await benchServer({ signal });
    await using receiver = await HttpReceiver.start(signal);
    say(`PostgreSQL ${server.version}, every commit flushed to disk`);
    const seconds = isQuick ? 2 : 10;
    const measures = await pairedRounds(
      [...LOADS, ALONE, LINGERING].map((load): Variant<LatencyMeasure> => ({
        name: load.name,
        measure: async () => {
          await using database = await server.createDatabase();
          return await measureLatency(load, { database, receiver, seconds, signal });
        },
      })),
      {
        rounds,
        signal,
        onMeasure: (name, round, measure) => say(latencyLine(name, round, measure)),
      },
    );
    return {
      figures: {
        ...Object.fromEntries(LOADS.map(({ name }) => [name, figuresOf(measures, name)])),
        addedByLinger: { lingerMs: LINGER_MS, ...addedByLinger(measures) },
        postgres: server.version,
      },
      tables: [
        {
          title: 'Milliseconds from a commit to the arrival of its request',
          header: ['Changes a second', 'p50', 'p99', 'p50 from the write', 'p99 from the write'],
          rows: [...measures.keys()].map((name) => {
            const { fromWrite, p50, p99 } = figuresOf(measures, name);
            return [name, p50, p99, fromWrite.p50, fromWrite.p99];
          }),
        },
      ],
      charts: (['p50', 'p99'] as const).map((which) => ({
        kind: 'bars',
        name: `latency-${which}`,
        title: `From the commit to the arrival of the request: ${which}`,
        unit: 'ms',
        bars: [...measures.keys()].map((label) => ({
          label: `${label} changes a second`,
          value: figureOf(measures, label, ({ fromCommit }) => fromCommit[which]),
        })),
      })),
      notes: NOTES,
    };
  },
};

async function measureLatency(
  { lingerMs, perSecond, rowsPerTransaction }: Load,
  {
    database,
    receiver,
    seconds,
    signal,
  }: {
    readonly database: TestDatabase;
    readonly receiver: HttpReceiver;
    readonly seconds: number;
    readonly signal: AbortSignal;
  },
): Promise<LatencyMeasure> {
  await createBenchRows(database);
  const source: BenchSourceOptions = {
    kind: 'replication',
    url: database.url,
    tables: [BENCH_TABLE],
    slot: database.database,
  };
  await benchSource(source).setup();
  await using pipeline = await RunningPipeline.start(
    { source, receiver: receiver.url, lingerMs },
    signal,
  );
  await using writer = await MeasuredProcess.start(
    new URL('./writer-process.ts', import.meta.url),
    { signal },
  );
  await receiver.begin({ notesArrivals: true });
  const input: WriteInput = {
    url: database.url,
    perSecond,
    rowsPerTransaction,
    seconds,
    connections: 8,
  };
  const written = await writer.ask<readonly Written[]>('write', input);
  await receiver.received(written.length);
  const { arrivals } = await receiver.end();
  await pipeline.drain();
  const counted = written.slice(Math.min(perSecond, written.length / 10));
  const arrivedAt = new Map(arrivals);
  const since = (of: (row: Written) => string): Percentiles =>
    percentiles(
      counted.map((row) => {
        const arrival = arrivedAt.get(row[0]);
        if (arrival === undefined) throw new Error('A row has not arrived.');
        return Number(BigInt(arrival) - BigInt(of(row))) / 1e6;
      }),
    );
  const times = counted.map((row) => Number(BigInt(row[2])));
  const took = (Math.max(...times) - Math.min(...times)) / 1e9;
  return {
    fromCommit: since((row) => row[2]),
    fromWrite: since((row) => row[1]),
    perSecond: (counted.length - 1) / took,
  };
}

interface LatencyFigures extends Percentiles {
  readonly fromWrite: Percentiles;
  /** What the writer has come to. */
  readonly perSecond: number;
}

/** Medians over the rounds. */
function figuresOf(measures: Measures<LatencyMeasure>, name: string): LatencyFigures {
  const median = (of: (measure: LatencyMeasure) => number, digits = 2): number =>
    rounded(figureOf(measures, name, of), digits).median;
  return {
    p50: median(({ fromCommit }) => fromCommit.p50),
    p99: median(({ fromCommit }) => fromCommit.p99),
    fromWrite: {
      p50: median(({ fromWrite }) => fromWrite.p50),
      p99: median(({ fromWrite }) => fromWrite.p99),
    },
    perSecond: median(({ perSecond }) => perSecond, 0),
  };
}

function addedByLinger(measures: Measures<LatencyMeasure>): Percentiles {
  const [without, having] = [figuresOf(measures, ALONE.name), figuresOf(measures, LINGERING.name)];
  const added = (of: 'p50' | 'p99'): number => Number((having[of] - without[of]).toFixed(2));
  return { p50: added('p50'), p99: added('p99') };
}

function latencyLine(
  name: string,
  round: number,
  { fromCommit, fromWrite, perSecond }: LatencyMeasure,
): string {
  const of = ({ p50, p99 }: Percentiles): string =>
    `p50 ${p50.toFixed(2).padStart(7)}  p99 ${p99.toFixed(2).padStart(7)} ms`;
  return `${String(round + 1).padStart(2)}  ${name.padEnd(16)}${Math.round(perSecond).toString().padStart(6)}/s  from commit ${of(fromCommit)}  from write ${of(fromWrite)}`;
}
