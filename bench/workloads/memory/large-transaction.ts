import type { TestDatabase } from '@certyo-cdc/testing';
import { benchSource, type BenchSourceOptions } from '../../support/bench-source.ts';
import { BENCH_TABLE, createBenchRows, insertBenchRows } from '../../support/bench-rows.ts';
import {
  RunningPipeline,
  type RunningPipelineOptions,
  type RunningUsage,
} from '../../support/running-pipeline.ts';

/** A moment of a pipeline's life. */
export interface MemorySample {
  /** Since it began. */
  readonly seconds: number;
  readonly rssBytes: number;
}

/** What a large transaction took. */
export interface LargeTransaction {
  /** Until everything was acknowledged; the making of the transaction included. */
  readonly usage: RunningUsage;
  readonly samples: readonly MemorySample[];
}

/** Who writes what, and where it goes. */
export interface LargeTransactionOptions extends Pick<
  RunningPipelineOptions,
  'receiver' | 'account'
> {
  /** Empty. */
  readonly database: TestDatabase;
  readonly rows: number;
}

/** Has a pipeline deliver one transaction of so many rows, which begins while the pipeline runs. */
export async function deliverLargeTransaction(
  { database, rows, ...delivery }: LargeTransactionOptions,
  signal: AbortSignal,
): Promise<LargeTransaction> {
  await createBenchRows(database);
  const source: BenchSourceOptions = {
    kind: 'replication',
    url: database.url,
    tables: [BENCH_TABLE],
    slot: database.database,
  };
  await benchSource(source).setup();
  await using pipeline = await RunningPipeline.start(
    { source, ...delivery, maxItems: 1_000 },
    signal,
  );
  const sampling = new Sampling(pipeline);
  try {
    await insertBenchRows(database, { rows, transactions: 1 });
    const usage = await pipeline.caughtUp();
    if (usage.delivered !== rows) throw new Error(`${usage.delivered} of ${rows} came.`);
    await pipeline.drain();
    return { usage, samples: sampling.samples };
  } finally {
    await sampling.stop();
  }
}

const SAMPLE_MS = 500;

/** Looks at a pipeline's memory again and again. */
export class Sampling {
  readonly samples: MemorySample[] = [];
  readonly #pipeline: RunningPipeline;
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> = Promise.resolve();

  constructor(pipeline: RunningPipeline, everyMs: number = SAMPLE_MS) {
    this.#pipeline = pipeline;
    this.#timer = setInterval(() => {
      // Who has failed says so where it is waited for.
      this.#looking = this.#look().catch(() => undefined);
    }, everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { rssBytes, seconds } = await this.#pipeline.now();
    this.samples.push({ seconds, rssBytes });
  }
}
