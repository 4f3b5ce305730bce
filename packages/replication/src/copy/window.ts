import { type ChangeEvent, isRowChange } from '@certyo-cdc/core';
import type { QualifiedName } from '@certyo-cdc/postgres';

/** Keys that a window remembers; beyond this its chunk is read again. */
const MAX_TOUCHED = 100_000;

/** Why a chunk has to be read again. */
export type Spoilt = 'truncate' | 'schema' | 'reconnect' | 'overflow' | 'incomplete';

/**
 * What the stream says of a table from the end at which a chunk was asked for, until the chunk is put into the stream.
 *
 * Everything before that end is visible in the chunk, for the chunk is read again until it is. Whatever the chunk shows
 * beyond it comes in the stream before the chunk is let go, and has touched its rows here. So a row that was not touched is
 * as it was at the end where the chunk is put in (S-04, S-07).
 */
export class ChunkWindow {
  readonly #table: QualifiedName;
  /** By key: whether the newest change showed the whole row. */
  readonly #touched = new Map<string, boolean>();
  #spoilt: Spoilt | null = null;
  /** Transactions that were streamed before the window was opened and may not be visible yet. */
  readonly before: readonly number[];

  constructor(table: QualifiedName, before: Iterable<number>) {
    this.#table = table;
    this.before = [...before];
  }

  get spoilt(): Spoilt | null {
    return this.#spoilt;
  }

  spoil(by: Spoilt): void {
    this.#spoilt ??= by;
  }

  saw(events: readonly ChangeEvent[]): void {
    const { schema, name } = this.#table;
    for (const event of events) {
      if (this.#spoilt !== null) return;
      if (!('table' in event)) continue;
      if (event.table.name !== name || event.table.schema !== schema) continue;
      if (isRowChange(event)) {
        this.#touched.set(keyText(event.key), event.unavailable.length === 0);
        if (event.previousKey !== null) this.#touched.set(keyText(event.previousKey), true);
        if (this.#touched.size > MAX_TOUCHED) this.spoil('overflow');
      } else if (event.operation === 'truncate' || event.operation === 'schema') {
        this.spoil(event.operation);
      }
    }
  }

  /** The rows that nothing has touched. */
  untouched(events: readonly ChangeEvent[]): readonly ChangeEvent[] {
    if (this.#touched.size === 0) return events;
    return events.filter((event) => !isRowChange(event) || !this.#touched.has(keyText(event.key)));
  }

  /** Whether a row is left out of these though the change that touched it did not show all of it. */
  leavesOut(events: readonly ChangeEvent[]): boolean {
    if (this.#touched.size === 0) return false;
    return events.some(
      (event) => isRowChange(event) && this.#touched.get(keyText(event.key)) === false,
    );
  }
}

function keyText(key: object): string {
  return JSON.stringify(Object.values(key));
}
