import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark } from '../../runner/benchmark.ts';
import { spread } from '../../runner/spread.ts';
import { BENCH_TABLE, createBenchRows, insertBenchRows } from '../../support/bench-rows.ts';
import {
  benchSource,
  type BenchSourceOptions,
  SOURCE_KINDS,
  type SourceKind,
} from '../../support/bench-source.ts';
import { HttpReceiver } from '../../support/http-receiver.ts';
import { RunningPipeline } from '../../support/running-pipeline.ts';
import { benchServer } from '../../support/server.ts';

/** What is delivered before: everything is loaded, connected and compiled. */
const ROWS = 10_000;
const SETTLE_SECONDS = { full: 15, quick: 1 };
const SECONDS = { full: 120, quick: 5 };

interface IdleMeasure {
  readonly cpuSecondsPerHour: number;
  readonly rssMb: number;
}

/** What a pipeline costs that has nothing to do. */
export const idleBenchmark: Benchmark = {
  name: 'idle',
  summary: 'CPU and memory of a pipeline that has nothing to do, one for each source.',
  rounds: { full: 1, quick: 1 },
  run: async ({ isQuick, rounds, say, signal }) => {
    const size = isQuick ? 'quick' : 'full';
    await using server = await benchServer({ signal });
    await using receiver = await HttpReceiver.start(signal);
    const measure = async (kind: SourceKind): Promise<IdleMeasure> => {
      await using database = await server.createDatabase();
      await createBenchRows(database);
      const source: BenchSourceOptions = {
        kind,
        url: database.url,
        tables: [BENCH_TABLE],
        slot: database.database,
      };
      await benchSource(source).setup();
      await using pipeline = await RunningPipeline.start(
        { source, receiver: receiver.url },
        signal,
      );
      await pipeline.begin();
      await insertBenchRows(database, { rows: ROWS, transactions: 10 });
      await pipeline.caughtUp();
      await sleep(SETTLE_SECONDS[size] * 1_000, undefined, { signal });
      await pipeline.begin();
      await sleep(SECONDS[size] * 1_000, undefined, { signal });
      const { cpuSeconds, rssBytes, seconds } = await pipeline.now();
      await pipeline.drain();
      return { cpuSecondsPerHour: (cpuSeconds / seconds) * 3_600, rssMb: rssBytes / 1e6 };
    };
    const measures = new Map<SourceKind, IdleMeasure[]>(SOURCE_KINDS.map((kind) => [kind, []]));
    for (let round = 0; round < rounds; round += 1) {
      // At the same time: what does nothing is in nobody's way.
      const all = await Promise.all(
        SOURCE_KINDS.map(async (kind) => ({ kind, idle: await measure(kind) })),
      );
      for (const { idle, kind } of all) {
        measures.get(kind)?.push(idle);
        say(
          `${round + 1}  ${kind.padEnd(14)}${idle.cpuSecondsPerHour.toFixed(1).padStart(7)} CPU s an hour  ${idle.rssMb.toFixed(0).padStart(4)} MB`,
        );
      }
    }
    const rows = SOURCE_KINDS.map((kind) => {
      const own = measures.get(kind) ?? [];
      const cpu = spread(own.map(({ cpuSecondsPerHour }) => cpuSecondsPerHour));
      const rss = spread(own.map(({ rssMb }) => rssMb));
      return {
        kind,
        cpu,
        cpuSecondsPerHour: Number(cpu.median.toFixed(1)),
        rssMb: Math.round(rss.median),
      };
    });
    return {
      figures: Object.fromEntries(
        rows.map(({ cpuSecondsPerHour, kind, rssMb }) => [kind, { cpuSecondsPerHour, rssMb }]),
      ),
      tables: [
        {
          title: 'A pipeline with nothing to do',
          header: ['Source', 'CPU s an hour', 'RSS, MB'],
          rows: rows.map(({ cpuSecondsPerHour, kind, rssMb }) => [kind, cpuSecondsPerHour, rssMb]),
        },
      ],
      charts: [
        {
          kind: 'bars',
          name: 'idle-cpu',
          title: 'A pipeline with nothing to do: CPU',
          unit: 's an hour',
          bars: rows.map(({ cpu, kind }) => ({ label: kind, value: cpu })),
        },
      ],
      notes: [
        `PostgreSQL ${server.version}. Everything is as it is by default. Each pipeline has delivered ${ROWS.toLocaleString('en')} rows before, and is then watched for ${SECONDS[size]} seconds, all of them at the same time. RSS is what it holds afterwards; a Node process that does nothing holds about 40 MB.`,
      ],
    };
  },
};
