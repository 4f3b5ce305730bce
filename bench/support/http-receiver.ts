import { MeasuredProcess } from './measured-process.ts';
import type { Usage } from './meter.ts';

/** What the receiver saw, and what it cost. */
export interface ReceiverReport extends Usage {
  /** Answered as accepted, each time that they came. */
  readonly records: number;
  readonly requests: number;
  /** Heads included. */
  readonly requestBytes: number;
  /** Heads included. */
  readonly answerBytes: number;
  /** Record ids and when they came (`process.hrtime`, the same clock in all processes), where that was asked for. */
  readonly arrivals: readonly (readonly [id: string, at: string])[];
}

const PROGRAM = new URL('./http-receiver-process.ts', import.meta.url);

/** A process of its own that answers every record as accepted, as cheaply as it can. */
export class HttpReceiver implements AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly #process: MeasuredProcess;

  private constructor(process: MeasuredProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  static async start(signal: AbortSignal): Promise<HttpReceiver> {
    const child = await MeasuredProcess.start(PROGRAM, { signal });
    return new HttpReceiver(child, `http://127.0.0.1:${await child.ask<number>('listen')}`);
  }

  /** Counts from zero. With `notesArrivals` it also keeps when each record came. */
  begin(options: { readonly notesArrivals: boolean } = { notesArrivals: false }): Promise<void> {
    return this.#process.ask('begin', options);
  }

  /** Resolves when that many records have come. */
  received(records: number): Promise<void> {
    return this.#process.ask('received', records);
  }

  end(): Promise<ReceiverReport> {
    return this.#process.ask('end');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
