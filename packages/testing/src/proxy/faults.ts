import { ConfigurationError } from '@certyo-cdc/core';
import { wrongOption } from '@certyo-cdc/core/internal';

/** Which way bytes go. */
export type PipeDirection = 'toClient' | 'toTarget';

/** What happens to a connection that is cut. */
export type CutHow = 'reset' | 'close' | 'blackhole';

/** What a proxy does to the bytes that pass. */
export interface Faults {
  /** Milliseconds by which every byte is late, in each direction. Does not limit the throughput. */
  readonly latencyMs: number | false;
  /** Bytes per second, per connection and direction. */
  readonly bytesPerSecond: number | false;
  /** Holds back bytes and the news of a closed connection; both sides believe that it is open. */
  readonly blackhole: PipeDirection | 'both' | false;
  /** Writes in pieces of so many bytes, each as a packet of its own. */
  readonly chunkBytes: number | false;
}

const NO_FAULTS: Faults = {
  latencyMs: false,
  bytesPerSecond: false,
  blackhole: false,
  chunkBytes: false,
};

const BLACKHOLES: readonly Faults['blackhole'][] = ['both', 'toClient', 'toTarget', false];

interface Cut {
  readonly how: CutHow;
  remaining: number;
}

function check(faults: Partial<Faults>): void {
  for (const [name, value] of Object.entries(faults)) {
    if (!(name in NO_FAULTS)) {
      throw new ConfigurationError(
        name,
        `Unknown fault \`${name}\`. Known are ${Object.keys(NO_FAULTS).join(', ')}.`,
      );
    }
    const isValid =
      name === 'blackhole'
        ? (BLACKHOLES as readonly unknown[]).includes(value)
        : value === false || (typeof value === 'number' && Number.isFinite(value) && value > 0);
    if (!isValid) {
      const expected =
        name === 'blackhole'
          ? "'both', 'toClient', 'toTarget' or false"
          : 'a positive finite number or false';
      throw wrongOption(name, expected, value);
    }
  }
}

/** What all connections of a proxy have in common. */
export class FaultState {
  /** Bytes passed on so far. */
  readonly passed: Record<PipeDirection, number> = { toClient: 0, toTarget: 0 };
  #faults: Faults = NO_FAULTS;
  readonly #cuts: Record<PipeDirection, Cut | null> = { toClient: null, toTarget: null };
  readonly #waiting = new Set<() => void>();

  get faults(): Faults {
    return this.#faults;
  }

  set(faults: Partial<Faults>): void {
    check(faults);
    this.#faults = { ...this.#faults, ...faults };
    this.#wake();
  }

  heal(): void {
    this.#cuts.toClient = null;
    this.#cuts.toTarget = null;
    this.set(NO_FAULTS);
  }

  cut(direction: PipeDirection, bytes: number, how: CutHow): void {
    if (!Number.isInteger(bytes) || bytes < 0) {
      throw wrongOption('bytes', 'a number of bytes', bytes);
    }
    this.#cuts[direction] = { how, remaining: bytes };
  }

  /** How many of these bytes may pass, and what to do after them. */
  take(direction: PipeDirection, length: number): { bytes: number; cut: CutHow | null } {
    const cut = this.#cuts[direction];
    if (cut === null) return { bytes: length, cut: null };
    const bytes = Math.min(length, cut.remaining);
    cut.remaining -= bytes;
    if (cut.remaining > 0) return { bytes, cut: null };
    this.#cuts[direction] = null;
    return { bytes, cut: cut.how };
  }

  holds(direction: PipeDirection): boolean {
    const { blackhole } = this.#faults;
    return blackhole === 'both' || blackhole === direction;
  }

  /** Resolves when bytes may pass in that direction. */
  async open(direction: PipeDirection, signal: AbortSignal): Promise<void> {
    while (this.holds(direction) && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener('abort', wake);
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener('abort', wake);
      });
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}
