import { PipelineStateError, type Position } from '@certyo-cdc/core';
import type { JsonValue } from '@certyo-cdc/core';

/** What a checkpoint keeps of every table at one end, by label. */
export type TableStates = Readonly<Record<string, JsonValue>>;

interface GivenEnd {
  readonly end: Position;
  readonly states: TableStates;
  /** When the oldest change since the end before was read, milliseconds since 1970; null when there was none. */
  readonly oldestMs: number | null;
}

/**
 * The ends that have been handed over and not acknowledged. A position is the number of the end, counted from the source's
 * beginning: where every table stands is kept in the checkpoint's state.
 */
export class Ends {
  #count: bigint;
  #ends: GivenEnd[] = [];
  #oldestMs: number | null = null;

  /** @param after The stored position, or null. */
  constructor(after: string | null) {
    this.#count = after !== null && /^\d+$/.test(after) ? BigInt(after) : 0n;
  }

  /** Notes that changes were handed over. */
  saw(nowMs: number): void {
    this.#oldestMs ??= nowMs;
  }

  give(states: TableStates): Position {
    this.#count += 1n;
    const end = String(this.#count) as Position;
    this.#ends.push({ end, states, oldestMs: this.#oldestMs });
    this.#oldestMs = null;
    return end;
  }

  /** The states at an end that was handed over. */
  statesAt(end: Position): TableStates {
    const given = this.#ends.find((entry) => entry.end === end);
    if (given !== undefined) return given.states;
    throw new PipelineStateError(`The position ${end} was not handed over by this stream.`);
  }

  acknowledged(end: Position): void {
    const index = this.#ends.findIndex((entry) => entry.end === end);
    if (index < 0) return;
    // The acknowledged end itself stays: its checkpoint may be asked for again.
    this.#ends = this.#ends.slice(index);
    const first = this.#ends[0];
    if (first !== undefined) this.#ends[0] = { ...first, oldestMs: null };
  }

  /** When the oldest change that is not acknowledged was read, or null. */
  get oldestMs(): number | null {
    return this.#ends.find((entry) => entry.oldestMs !== null)?.oldestMs ?? this.#oldestMs;
  }
}
