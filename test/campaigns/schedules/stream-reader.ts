import {
  type ChangeSource,
  type ChangeStream,
  type Checkpoint,
  isRowChange,
  type RowChange,
} from '@certyo-cdc/core';
import type { HintedStream } from '@certyo-cdc/postgres';
import type { Client } from 'pg';
import type { Observed } from './run-schedule.ts';

const signal: AbortSignal = new AbortController().signal;

/** How many of the restarts that a schedule wants are made: each takes as long as many schedules. */
const RESTARTS = 0.1;
/** Statements that pass before a read is over, so that the stream, which has a pace of its own, comes to look. */
const ROUND_TRIPS = 4;

/** The stream of a source, which stays open from schedule to schedule. */
export class StreamReader {
  readonly #source: Pick<ChangeSource, 'open'>;
  readonly #client: Client;
  readonly #observe: (event: RowChange) => readonly Observed[];
  #random: () => number = Math.random;
  #stream: ChangeStream | null = null;
  #reading: Promise<void> = Promise.resolve();
  #checkpoint: Checkpoint | null = null;
  #found: Observed[] = [];
  #failure: unknown = null;

  constructor(
    source: Pick<ChangeSource, 'open'>,
    client: Client,
    observe: (event: RowChange) => readonly Observed[],
  ) {
    this.#source = source;
    this.#client = client;
    this.#observe = observe;
  }

  /** Prepares for the next schedule. */
  use(random: () => number): void {
    this.#random = random;
    this.#found = [];
  }

  /** Opens the stream where it is not open. */
  async open(): Promise<void> {
    if (this.#stream !== null) return;
    const stream = await this.#source.open({ after: this.#checkpoint, signal });
    this.#stream = stream;
    this.#reading = this.#readAll(stream).catch((error: unknown) => {
      this.#failure = error;
    });
  }

  async read(): Promise<readonly Observed[]> {
    this.#nudge();
    for (let trip = 0; trip < ROUND_TRIPS; trip++) await this.#client.query('SELECT 1');
    return this.take();
  }

  /** Gives what came by itself. */
  take(): readonly Observed[] {
    if (this.#failure !== null) throw this.#failure;
    const found = this.#found;
    this.#found = [];
    return found;
  }

  /** Dies now and then, and goes on from the newest end. */
  async restart(): Promise<void> {
    if (this.#random() < RESTARTS) await this.reopen();
  }

  /** Dies, and goes on from the newest end. */
  async reopen(): Promise<void> {
    await this.close();
    await this.open();
  }

  /** Reads all that is committed. */
  async finish(): Promise<readonly Observed[]> {
    let isDone = false;
    const caughtUp = this.#stream?.caughtUp({ signal }).finally(() => {
      isDone = true;
    });
    // What is not settled yet would be looked at again after a pause only.
    const nudging = async (): Promise<void> => {
      while (!isDone) {
        this.#nudge();
        await this.#client.query('SELECT 1');
      }
    };
    await Promise.all([caughtUp, nudging()]);
    return this.take();
  }

  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    await stream?.[Symbol.asyncDispose]();
    await this.#reading;
  }

  #nudge(): void {
    (this.#stream as Partial<Pick<HintedStream, 'nudge'>> | null)?.nudge?.();
  }

  async #readAll(stream: ChangeStream): Promise<void> {
    for await (const { events, end } of stream) {
      for (const event of events) if (isRowChange(event)) this.#found.push(...this.#observe(event));
      if (end === null) continue;
      this.#checkpoint = stream.checkpoint(end);
      await stream.acknowledge(end);
    }
  }
}
