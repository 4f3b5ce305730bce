import { canonicalJson, type Checkpoint, JsonNumber, type JsonValue } from '@certyo-cdc/core';
import { isUnchangingJson } from '@certyo-cdc/core/internal';

/**
 * All of a checkpoint that is the same from one save to the next most of the time: with thousands of tables it is megabytes, and a
 * checkpoint is saved every second. What is known never to change is told by its identity, the rest by its text.
 */
export class WrittenState {
  readonly #parts: ReadonlyMap<string, JsonValue>;

  constructor({ identity, kind, state }: Checkpoint) {
    this.#parts = new Map([
      ['kind', kind],
      ['identity', canonicalJson(identity)],
      ...partsOf(state),
    ]);
  }

  equals(other: WrittenState): boolean {
    if (this.#parts.size !== other.#parts.size) return false;
    for (const [name, part] of this.#parts) if (other.#parts.get(name) !== part) return false;
    return true;
  }
}

function partsOf(state: JsonValue): readonly (readonly [string, JsonValue])[] {
  if (typeof state !== 'object' || state === null || Array.isArray(state) || JsonNumber.is(state)) {
    return [['state', canonicalJson(state)]];
  }
  return Object.entries(state).map(([name, value]) => [
    `state.${name}`,
    typeof value === 'object' && isUnchangingJson(value) ? value : canonicalJson(value),
  ]);
}
