import type { Lsn } from '../protocol/lsn.ts';
import type { TimelineSwitch } from '../setup/timeline.ts';

interface Stretch {
  /** The position from which on it holds. */
  readonly from: Lsn;
  readonly timeline: number;
  readonly epoch: number;
}

/**
 * Which epoch and timeline a position belongs to: each timeline begins a new epoch where the server switched to it.
 *
 * By position and not by the server that is read from: a change that was made before the switch has the same version
 * when it comes again from the server that was promoted (I4), and one that was made behind it has a greater one than
 * all that the lost end of the old timeline may have held.
 */
export class Epochs {
  #stretches: readonly Stretch[];

  constructor(timeline: number, epoch: number) {
    this.#stretches = [{ from: 0n, timeline, epoch }];
  }

  /** Learns that the server reads on `timeline` now, and how it came there. */
  follow(timeline: number, history: readonly TimelineSwitch[]): void {
    const last = this.#stretches.at(-1);
    if (last === undefined || last.timeline === timeline) return;
    const left = history.filter((entry) => entry.timeline >= last.timeline);
    const added = left.map(({ switchedAt }, i): Stretch => ({
      from: switchedAt,
      timeline: left[i + 1]?.timeline ?? timeline,
      epoch: last.epoch + i + 1,
    }));
    this.#stretches = [...this.#stretches, ...added];
  }

  /** The timeline that is read now. */
  get timeline(): number {
    return this.#stretches.at(-1)?.timeline ?? 0;
  }

  /** How the earlier ones were left. */
  get history(): readonly TimelineSwitch[] {
    return this.#stretches.slice(0, -1).map(({ timeline }, i) => ({
      timeline,
      switchedAt: this.#stretches[i + 1]?.from ?? 0n,
    }));
  }

  /** The epoch of a transaction whose commit begins there. */
  ofCommit(commitLsn: Lsn): number {
    return this.#find((from) => from <= commitLsn).epoch;
  }

  /** Epoch and timeline of everything up to an end. */
  ofEnd(end: Lsn): { readonly timeline: number; readonly epoch: number } {
    return this.#find((from) => from < end);
  }

  #find(holds: (from: Lsn) => boolean): Stretch {
    const found = this.#stretches.findLast((stretch) => holds(stretch.from));
    return found ?? (this.#stretches[0] as Stretch);
  }
}
