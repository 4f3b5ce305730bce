import { abortable } from '@certyo-cdc/core/internal';

interface Waiting<T> {
  readonly items: readonly T[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Most items of one write, so that neither side builds a message of unbounded size. */
const MAX_ITEMS = 20_000;

/**
 * Writes what several callers give at one time: while one write is under way, what comes meanwhile waits and goes together.
 * A caller that gives up does not stop a write that others wait for.
 */
export class WriteQueue<T> {
  readonly #write: (items: readonly T[]) => Promise<void>;
  #waiting: Waiting<T>[] = [];
  #running: Promise<void> | null = null;

  constructor(write: (items: readonly T[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when the items are written. */
  add(items: readonly T[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const written = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ items, resolve, reject });
    });
    this.#running ??= this.#run();
    return abortable(written, signal);
  }

  /** Resolves when nothing is being written any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // What is asked for in the same turn goes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#take();
      try {
        const [only] = group;
        const isAlone = group.length === 1 && only !== undefined;
        await this.#write(isAlone ? only.items : group.flatMap(({ items }) => items));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = null;
  }

  #take(): readonly Waiting<T>[] {
    const group: Waiting<T>[] = [];
    let count = 0;
    while (this.#waiting.length > 0) {
      const next = this.#waiting[0];
      if (next === undefined || (group.length > 0 && count + next.items.length > MAX_ITEMS)) break;
      count += next.items.length;
      group.push(next);
      this.#waiting.shift();
    }
    return group;
  }
}
