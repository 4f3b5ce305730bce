import type { Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

import type { CutHow, FaultState, PipeDirection } from './faults.ts';

export type { CutHow, PipeDirection } from './faults.ts';

type Item =
  | { readonly kind: 'data'; readonly data: Buffer; readonly arrivedAt: number }
  | { readonly kind: 'end' | 'reset' };

/** Beyond this the sender is not read from, so that backpressure passes through the proxy. */
const MAX_QUEUED_BYTES = 256 * 1024;

/** One direction of one connection. */
export class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #direction: PipeDirection;
  readonly #state: FaultState;
  readonly #signal: AbortSignal;
  readonly #queue: Item[] = [];
  #queuedBytes = 0;
  #hasEnded = false;
  #wake: () => void = () => undefined;

  constructor(
    from: Socket,
    to: Socket,
    direction: PipeDirection,
    state: FaultState,
    signal: AbortSignal,
  ) {
    this.#from = from;
    this.#to = to;
    this.#direction = direction;
    this.#state = state;
    this.#signal = signal;
  }

  start(): void {
    this.#from.on('data', (data: Buffer) => {
      this.#push({ kind: 'data', data, arrivedAt: performance.now() });
      this.#queuedBytes += data.length;
      if (this.#queuedBytes > MAX_QUEUED_BYTES) this.#from.pause();
    });
    this.#from.on('end', () => {
      this.#hasEnded = true;
      this.#push({ kind: 'end' });
    });
    // Errors come as a close without an end.
    this.#from.on('error', () => undefined);
    this.#from.on('close', () => {
      if (!this.#hasEnded) this.#push({ kind: 'reset' });
    });
    this.#signal.addEventListener('abort', () => this.#wake(), { once: true });
    // Only an abort ends it early, which is what it is for.
    this.#run().catch(() => this.#to.destroy());
  }

  #push(item: Item): void {
    this.#queue.push(item);
    this.#wake();
  }

  async #next(): Promise<Item | null> {
    while (this.#queue.length === 0 && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#queue.shift() ?? null;
  }

  async #run(): Promise<void> {
    for (;;) {
      const item = await this.#next();
      if (item === null) return;
      await this.#state.open(this.#direction, this.#signal);
      if (item.kind !== 'data') {
        if (item.kind === 'end') this.#to.end();
        else this.#to.resetAndDestroy();
        return;
      }
      await this.#late(item.arrivedAt);
      const cut = await this.#pass(item.data);
      if (cut !== null) {
        this.#cut(cut);
        return;
      }
      this.#queuedBytes -= item.data.length;
      if (this.#queuedBytes <= MAX_QUEUED_BYTES) this.#from.resume();
    }
  }

  async #late(arrivedAt: number): Promise<void> {
    const { latencyMs } = this.#state.faults;
    if (latencyMs === false) return;
    const waitMs = arrivedAt + latencyMs - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.#signal });
  }

  async #pass(data: Buffer): Promise<CutHow | null> {
    let offset = 0;
    while (offset < data.length) {
      // The faults may change in the middle of a chunk.
      await this.#state.open(this.#direction, this.#signal);
      const { chunkBytes, bytesPerSecond } = this.#state.faults;
      const size = Math.min(
        data.length - offset,
        chunkBytes === false ? Infinity : Math.ceil(chunkBytes),
        // Twenty pieces a second are even enough.
        bytesPerSecond === false ? Infinity : Math.max(1, Math.floor(bytesPerSecond / 20)),
      );
      const { bytes, cut } = this.#state.take(this.#direction, size);
      await this.#write(data.subarray(offset, offset + bytes));
      this.#state.passed[this.#direction] += bytes;
      offset += bytes;
      if (cut !== null) return cut;
      if (bytesPerSecond !== false) {
        await sleep((bytes / bytesPerSecond) * 1000, undefined, { signal: this.#signal });
      } else if (chunkBytes !== false) {
        // A turn of the event loop between two writes, else they would leave together.
        await nextTurn();
      }
    }
    return null;
  }

  /** Resolves when the bytes are with the operating system. */
  async #write(data: Buffer): Promise<void> {
    if (data.length === 0) return;
    await new Promise<void>((resolve, reject) => {
      this.#to.write(data, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  #cut(how: CutHow): void {
    for (const socket of [this.#to, this.#from]) {
      if (how === 'close') socket.end();
      else if (how === 'reset') socket.resetAndDestroy();
    }
    // A blackhole: this direction is no longer read, and nobody is told.
    if (how === 'blackhole') this.#from.pause();
  }
}
