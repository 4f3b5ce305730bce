import type { WorkItem } from './work-item.ts';

const LEAST_ROOM = 64;
/** Of FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
const PRIME = 0x01000193;

/**
 * The last item of each lane that has any: a hash table with open addressing, by the two parts of the lane.
 *
 * Not a `Map`: one that entries come to and go from all the time moves to new memory every few thousand of them, and what
 * it leaves is old by then and keeps what it points to until the old generation is collected: most records that ever pass.
 * This table leaves nothing behind but when it grows, and keeps no key beside the item.
 */
export class LaneTails<Item> {
  /** Null where it is vacant. The room is a power of two, at least half of it vacant, so that chains are short. */
  #table: (WorkItem<Item> | null)[] = vacant(LEAST_ROOM);
  #count = 0;
  /** Items of one place come one after the other. */
  #lastPlace = '';
  /** Where the hash begins is chance: nobody who chooses the ids of records knows which of them meet. */
  readonly #basis: number = Math.trunc(Math.random() * 2 ** 32) | 0;
  #lastPlaceHash: number = this.#basis;

  /** Makes an item the last of its lane. Gives the one that was; null when the lane had none. */
  append(item: WorkItem<Item>): WorkItem<Item> | null {
    const { laneName, lanePlace } = item;
    const hash = this.#hashOf(lanePlace, laneName);
    item.laneHash = hash;
    const table = this.#table;
    const mask = table.length - 1;
    let at = hash & mask;
    for (let tail = table[at] ?? null; tail !== null; tail = table[at] ?? null) {
      if (tail.laneHash === hash && tail.laneName === laneName && tail.lanePlace === lanePlace) {
        table[at] = item;
        return tail;
      }
      at = (at + 1) & mask;
    }
    table[at] = item;
    this.#count += 1;
    if (this.#count * 2 > table.length) this.#grow();
    return null;
  }

  /** The lane with this last item has none any more; nothing happens where it is not its last. */
  remove(last: WorkItem<Item>): void {
    const table = this.#table;
    const mask = table.length - 1;
    let at = last.laneHash & mask;
    while (table[at] !== last) {
      if ((table[at] ?? null) === null) return;
      at = (at + 1) & mask;
    }
    this.#count -= 1;
    // Those behind it in the chain move up, as far as the place where their own search begins.
    let gap = at;
    for (;;) {
      at = (at + 1) & mask;
      const next = table[at] ?? null;
      if (next === null) break;
      const searched = (at - next.laneHash) & mask;
      if (searched < ((at - gap) & mask)) continue;
      table[gap] = next;
      gap = at;
    }
    table[gap] = null;
  }

  #grow(): void {
    const old = this.#table;
    const table = vacant<Item>(old.length * 2);
    const mask = table.length - 1;
    for (const tail of old) {
      if (tail === null) continue;
      let at = tail.laneHash & mask;
      while (table[at] !== null) at = (at + 1) & mask;
      table[at] = tail;
    }
    this.#table = table;
  }

  #hashOf(place: string, name: string): number {
    if (place !== this.#lastPlace) {
      this.#lastPlace = place;
      this.#lastPlaceHash = hashOn(this.#basis, place);
    }
    const hash = hashOn(this.#lastPlaceHash, name);
    // The table looks at the low bits alone, which the high ones have had no part in.
    return hash ^ (hash >>> 15);
  }
}

function vacant<Item>(room: number): (WorkItem<Item> | null)[] {
  return Array.from({ length: room }, () => null);
}

function hashOn(before: number, text: string): number {
  let hash = before;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), PRIME);
  }
  return hash;
}
