import { LaneTails } from './lane-tails.ts';
import type { WorkItem } from './work-item.ts';

const COMPACT_AT = 1024;

/**
 * The lanes: a chain of items per record, of which only the head may be sent (I3, H-03).
 *
 * A head is ready until it is taken; it stays the head, and so keeps its lane blocked, until `finish` or `evict`.
 */
export class LaneQueue<Item> {
  readonly #tails: LaneTails<Item> = new LaneTails();
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
    const before = this.#tails.append(item);
    if (before === null) this.#makeReady(item);
    else before.next = item;
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
      // In place: an array that were left behind would keep what it holds, as a map does (see `LaneTails`).
      this.#ready.splice(0, this.#readyHead);
      this.#readyHead = 0;
    }
    return taken;
  }

  /** The head of a lane is done with; the item behind it becomes ready. */
  finish(item: WorkItem<Item>): void {
    const { next } = item;
    item.next = null;
    if (next === null) this.#tails.remove(item);
    else this.#makeReady(next);
  }

  /** Takes a taken head and all items behind it out, in order. */
  evict(item: WorkItem<Item>): WorkItem<Item>[] {
    const chain: WorkItem<Item>[] = [];
    let last = item;
    for (let current: WorkItem<Item> | null = item; current !== null;) {
      const { next }: WorkItem<Item> = current;
      chain.push(current);
      current.next = null;
      last = current;
      current = next;
    }
    this.#tails.remove(last);
    return chain;
  }

  #makeReady(item: WorkItem<Item>): void {
    this.#ready.push(item);
    this.#readyBytes += item.bytes;
  }
}
