import type { Lanes, WorkItem } from './work-item.ts';

const COMPACT_AT = 1024;

/** So many places are kept without lanes, for their next records. More than the tables of a large database. */
const MOST_FREE_PLACES = 10_000;

/** The lanes of one place that have any item: the last item of each. */
class PlaceLanes<Item> implements Lanes {
  /** Of one lane, which is all that a place has where many places take turns. */
  #one: WorkItem<Item> | null = null;
  readonly #others: Map<string, WorkItem<Item>> = new Map();

  get isEmpty(): boolean {
    return this.#one === null && this.#others.size === 0;
  }

  /** Makes an item the last of its lane, and gives the one before it. */
  append(item: WorkItem<Item>): WorkItem<Item> | undefined {
    const one = this.#one;
    if (one !== null && one.laneName === item.laneName) {
      this.#one = item;
      return one;
    }
    const before = this.#others.size === 0 ? undefined : this.#others.get(item.laneName);
    if (before === undefined && one === null) this.#one = item;
    else this.#others.set(item.laneName, item);
    return before;
  }

  free(laneName: string): void {
    if (this.#one?.laneName === laneName) this.#one = null;
    else this.#others.delete(laneName);
  }
}

/**
 * The lanes: a chain of items per record, of which only the head may be sent (I3, H-03).
 *
 * A head is ready until it is taken; it stays the head, and so keeps its lane blocked, until `finish` or `evict`.
 */
export class LaneQueue<Item> {
  /** By the parts of a lane: its whole text is made for nobody. */
  readonly #places: Map<string, PlaceLanes<Item>> = new Map();
  #mostPlaces = MOST_FREE_PLACES;
  /** Many items are of the place of the item before. */
  #lastPlace: string | null = null;
  #lastLanes: PlaceLanes<Item> = new PlaceLanes();
  #ready: (WorkItem<Item> | null)[] = [];
  #readyHead = 0;
  #readyBytes = 0;

  get readyItems(): number {
    return this.#ready.length - this.#readyHead;
  }

  get readyBytes(): number {
    return this.#readyBytes;
  }

  /** In memory; for tests. */
  get places(): number {
    return this.#places.size;
  }

  push(item: WorkItem<Item>): void {
    const lanes = this.#lanesOf(item.lanePlace);
    item.lanes = lanes;
    const tail = lanes.append(item);
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
      current.lanes = null;
      current = next;
    }
    return chain;
  }

  #lanesOf(place: string): PlaceLanes<Item> {
    if (place === this.#lastPlace) return this.#lastLanes;
    let lanes = this.#places.get(place);
    if (lanes === undefined) {
      if (this.#places.size >= this.#mostPlaces) this.#forgetFreePlaces();
      lanes = new PlaceLanes();
      this.#places.set(place, lanes);
    }
    this.#lastPlace = place;
    this.#lastLanes = lanes;
    return lanes;
  }

  /** A mapper may name any number of places. */
  #forgetFreePlaces(): void {
    for (const [place, lanes] of this.#places) if (lanes.isEmpty) this.#places.delete(place);
    // Not for each new place where as many have items.
    this.#mostPlaces = Math.max(MOST_FREE_PLACES, this.#places.size * 2);
  }

  #free(item: WorkItem<Item>): void {
    item.lanes?.free(item.laneName);
    item.lanes = null;
  }

  #makeReady(item: WorkItem<Item>): void {
    this.#ready.push(item);
    this.#readyBytes += item.bytes;
  }
}
