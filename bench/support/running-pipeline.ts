import type { BenchSourceOptions } from './bench-source.ts';
import { MeasuredProcess } from './measured-process.ts';
import type { Usage } from './meter.ts';

/** What a pipeline reads, and where it delivers. */
export interface RunningPipelineOptions {
  readonly source: BenchSourceOptions;
  /** URL of the receiver. */
  readonly receiver: string;
  /** Who delivers. @default anybody, which is enough for our own receiver */
  readonly account?: { readonly apiKey: string; readonly tenantId: string } | undefined;
  /** Records of one request. @default that of the pipeline */
  readonly maxItems?: number | undefined;
  /** Longest wait of a record for others, milliseconds. @default that of the pipeline */
  readonly lingerMs?: number | false | undefined;
}

/** What it used since it began, and where it is. */
export interface RunningUsage extends Usage {
  /** Items since its start. */
  readonly delivered: number;
  /** What it holds now. */
  readonly rssBytes: number;
}

const PROGRAM = new URL('./running-pipeline-process.ts', import.meta.url);

/** The whole pipeline in a process of its own, which goes on running while rows are written. */
export class RunningPipeline implements AsyncDisposable {
  readonly #process: MeasuredProcess;

  private constructor(process: MeasuredProcess) {
    this.#process = process;
  }

  /** Starts it; its source is set up. */
  static async start(
    options: RunningPipelineOptions,
    signal: AbortSignal,
  ): Promise<RunningPipeline> {
    const process = await MeasuredProcess.start(PROGRAM, { signal });
    try {
      await process.ask('start', options);
      return new RunningPipeline(process);
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Counts CPU and time from zero; they count from the opened stream on where nobody does. */
  begin(): Promise<void> {
    return this.#process.ask('begin');
  }

  /** Lets somebody write while the pipeline is frozen: it then finds everything at once. */
  async frozen(write: () => Promise<void>): Promise<void> {
    this.#process.signal('SIGSTOP');
    try {
      await write();
    } finally {
      this.#process.signal('SIGCONT');
    }
  }

  /** Waits until everything that is committed is acknowledged. */
  caughtUp(): Promise<RunningUsage> {
    return this.#process.ask('caughtUp');
  }

  /** What it has used so far. */
  now(): Promise<RunningUsage> {
    return this.#process.ask('now');
  }

  /** Ends it in order: what it holds of the server (a slot, a lease) is free afterwards. */
  async drain(): Promise<void> {
    await this.#process.ask('drain');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
