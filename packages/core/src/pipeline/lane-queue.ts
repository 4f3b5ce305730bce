import type { WorkItem } from './work-item.ts';

const COMPACT_AT = 1024;

/**
 * The lanes: a chain of items per record, of which only the head may be sent (I3, H-03).
 *
 * A head is ready until it is taken; it stays the head, and so keeps its lane blocked, until `finish` or `evict`.
 */
export class LaneQueue<Item> {
  /** Last item of each lane that has any, by the parts of the lane: its whole text is made for nobody. */
  readonly #tails: Map<string, Map<string, WorkItem<Item>>> = new Map();
  /** Items of one place come one after the other. */
  #lastPlace = '';
  #lastTails: Map<string, WorkItem<Item>> = new Map();

  constructor() {
    this.#tails.set(this.#lastPlace, this.#lastTails);
  }
  #ready: (WorkItem<Item> | null)[] = [];
  #readyHead = 0;
  #readyBytes = 0;

  get readyItems(): number {
    return this.#ready.length - this.#readyHead;
  }

  get readyBytes(): number {
    return this.#readyBytes;
  }

  push(item: WorkItem<Item>): void {
    const tails = this.#tailsOf(item.lanePlace);
    const tail = tails.get(item.laneName);
    tails.set(item.laneName, item);
    if (tail === undefined) this.#makeReady(item);
    else tail.next = item;
  }

  /** The oldest ready items up to the limits, at least one. An item that goes alone is never with others. */
  take(maxItems: number, maxBytes: number): WorkItem<Item>[] {
    const taken: WorkItem<Item>[] = [];
    let bytes = 0;
    while (taken.length < maxItems && this.#readyHead < this.#ready.length) {
      const item = this.#ready[this.#readyHead] ?? null;
      if (item === null) break;
      if (taken.length > 0 && (item.alone || bytes + item.bytes > maxBytes)) break;
      this.#ready[this.#readyHead] = null;
      this.#readyHead += 1;
      this.#readyBytes -= item.bytes;
      bytes += item.bytes;
      taken.push(item);
      if (item.alone) break;
    }
    if (this.#readyHead >= COMPACT_AT && this.#readyHead * 2 >= this.#ready.length) {
      this.#ready = this.#ready.slice(this.#readyHead);
      this.#readyHead = 0;
    }
    return taken;
  }

  /** The head of a lane is done with; the item behind it becomes ready. */
  finish(item: WorkItem<Item>): void {
    const { next } = item;
    item.next = null;
    if (next === null) this.#free(item);
    else this.#makeReady(next);
  }

  /** Takes a taken head and all items behind it out, in order. */
  evict(item: WorkItem<Item>): WorkItem<Item>[] {
    this.#free(item);
    const chain: WorkItem<Item>[] = [];
    let current: WorkItem<Item> | null = item;
    while (current !== null) {
      chain.push(current);
      const { next }: WorkItem<Item> = current;
      current.next = null;
      current = next;
    }
    return chain;
  }

  #tailsOf(place: string): Map<string, WorkItem<Item>> {
    if (place === this.#lastPlace) return this.#lastTails;
    // Only of the last place can the last lane have become free: a mapper may name any number of places.
    if (this.#lastTails.size === 0) this.#tails.delete(this.#lastPlace);
    const tails = this.#tails.get(place) ?? new Map<string, WorkItem<Item>>();
    this.#tails.set(place, tails);
    this.#lastPlace = place;
    this.#lastTails = tails;
    return tails;
  }

  #free({ laneName, lanePlace }: WorkItem<Item>): void {
    this.#tailsOf(lanePlace).delete(laneName);
  }

  #makeReady(item: WorkItem<Item>): void {
    this.#ready.push(item);
    this.#readyBytes += item.bytes;
  }
}
