import { type ChangeEvent, isRowChange, type TableInfo } from '@certyo-cdc/core';

/** Keys that a window remembers before its chunk is read, and beyond which it asks for the chunk's own. */
const MAX_TOUCHED = 100_000;

/** Why a chunk has to be read again. */
export type Spoilt = 'truncate' | 'schema' | 'reconnect' | 'overflow' | 'incomplete';

/**
 * What the stream says of a table from the end at which a chunk was asked for, until the chunk is put into the stream.
 *
 * Everything before that end is visible in the chunk, for the chunk is read again until it is. Whatever the chunk shows
 * beyond it comes in the stream before the chunk is let go, and has touched its rows here. So a row that was not touched is
 * as it was at the end where the chunk is put in (S-04, S-07).
 *
 * The stream may be far behind the chunk, and every row of the table change before it gets there. Memory does not follow: once
 * the chunk has been read only its own rows matter.
 */
export class ChunkWindow {
  readonly #table: TableInfo;
  readonly #keyShape: string;
  /** The newest description that the stream had of the table. */
  #described: TableInfo | null = null;
  /** By key: whether the newest change showed the whole row. */
  readonly #touched = new Map<string, boolean>();
  readonly #maxTouched: number;
  #chunkKeys: (() => Iterable<object>) | null = null;
  /** The keys of the chunk, once others have had to be forgotten. */
  #only: ReadonlySet<string> | null = null;
  #spoilt: Spoilt | null = null;
  /** Transactions that were streamed before the window was opened and may not be visible yet. */
  readonly before: readonly number[];

  /** @param table As whoever reads the chunk sees it. */
  constructor(table: TableInfo, before: Iterable<number>, maxTouched: number = MAX_TOUCHED) {
    this.#table = table;
    this.#keyShape = keyShape(table);
    this.before = [...before];
    this.#maxTouched = maxTouched;
  }

  get spoilt(): Spoilt | null {
    return this.#spoilt;
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#touched.size;
  }

  spoil(by: Spoilt): void {
    this.#spoilt ??= by;
  }

  /** The chunk is read: `keys` gives those of its rows, should there be too many others to remember. */
  isRead(keys: () => Iterable<object>): void {
    this.#chunkKeys = keys;
  }

  saw(events: readonly ChangeEvent[]): void {
    const { schema, name } = this.#table;
    for (const event of events) {
      if (this.#spoilt !== null) return;
      if (!('table' in event)) continue;
      if (event.table.name !== name || event.table.schema !== schema) continue;
      if (isRowChange(event)) {
        // The stream tells of a change of the table only when it had told of the table before.
        if (event.table !== this.#described) {
          this.#described = event.table;
          if (keyShape(event.table) !== this.#keyShape) this.spoil('schema');
        }
        this.#touch(event.key, event.unavailable.length === 0);
        if (event.previousKey !== null) this.#touch(event.previousKey, true);
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

  #touch(key: object, isWhole: boolean): void {
    const text = keyText(key);
    if (this.#only !== null && !this.#only.has(text)) return;
    this.#touched.set(text, isWhole);
    if (this.#only === null && this.#touched.size > this.#maxTouched) this.#narrow();
  }

  /** Forgets what the chunk does not hold. */
  #narrow(): void {
    if (this.#chunkKeys === null) return this.spoil('overflow');
    const only = new Set<string>();
    for (const key of this.#chunkKeys()) only.add(keyText(key));
    for (const text of this.#touched.keys()) if (!only.has(text)) this.#touched.delete(text);
    this.#only = only;
  }
}

function keyText(key: object): string {
  return JSON.stringify(Object.values(key));
}

/** Of which columns and types the key is made: where they differ, keys cannot be compared. */
function keyShape({ columns }: TableInfo): string {
  return columns
    .filter(({ isKey }) => isKey)
    .map(({ name, typeOid }) => `${typeOid} ${name}`)
    .sort()
    .join(',');
}
