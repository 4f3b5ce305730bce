import type { WorkItem } from './work-item.ts';

/**
 * The last item of each lane that has any, by the parts of the lane: its whole text is made for nobody.
 *
 * The maps hold numbers, and an array of which every place is used again holds the items. A map that lanes come to and go
 * from moves to new memory again and again, and what is in the memory it leaves is kept until the old generation is
 * collected: were it items, that would be most of all that ever pass, with their bytes.
 */
export class LaneTails<Item> {
  readonly #tails: (WorkItem<Item> | null)[] = [];
  /** Places in `#tails` that no lane has. */
  readonly #vacant: number[] = [];
  readonly #lanes: Map<string, Map<string, number>> = new Map();
  /** Items of one place come one after the other. */
  #lastPlace = '';
  #lastLanes: Map<string, number> = new Map();

  constructor() {
    this.#lanes.set(this.#lastPlace, this.#lastLanes);
  }

  /** Makes an item the last of its lane. Gives the one that was; null when the lane had none. */
  append(item: WorkItem<Item>): WorkItem<Item> | null {
    const tails = this.#tails;
    const lanes = this.#lanesOf(item.lanePlace);
    let at = lanes.get(item.laneName);
    let before: WorkItem<Item> | null = null;
    if (at === undefined) {
      at = this.#vacant.pop() ?? tails.length;
      lanes.set(item.laneName, at);
    } else before = tails[at] ?? null;
    tails[at] = item;
    item.tailAt = at;
    return before;
  }

  /** The lane with this last item has none any more. */
  remove(last: WorkItem<Item>): void {
    const { laneName, lanePlace, tailAt } = last;
    // A place that was given back twice would join two lanes.
    if (this.#tails[tailAt] !== last) return;

    this.#tails[tailAt] = null;
    this.#vacant.push(tailAt);
    this.#lanesOf(lanePlace).delete(laneName);
  }

  #lanesOf(place: string): Map<string, number> {
    if (place === this.#lastPlace) return this.#lastLanes;
    // Only of the last place can the last lane have become free: a mapper may name any number of places.
    if (this.#lastLanes.size === 0) this.#lanes.delete(this.#lastPlace);
    const lanes = this.#lanes.get(place) ?? new Map<string, number>();
    this.#lanes.set(place, lanes);
    this.#lastPlace = place;
    this.#lastLanes = lanes;
    return lanes;
  }
}
