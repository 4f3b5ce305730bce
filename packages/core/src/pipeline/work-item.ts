import { laneText } from '../sink/lane.ts';
import type { Counted } from '../windows/tally.ts';
import type { AckEntry } from './ack-tracker.ts';

/** Unfinished items of one table; what a barrier waits for. */
export interface TableLoad {
  unfinished: number;
}

/** What became of a redriven item. */
export type RedriveOutcome = 'delivered' | 'rejected';

/** What few items have, and few have more than one of. */
class Rarity {
  itemIndex = 0;
  counted: Counted | null = null;
  alone = false;
  inDoubt = false;
  failures = 0;
  onRedriven: ((outcome: RedriveOutcome) => void) | null = null;
}

/**
 * One prepared item on its way. A class so that all have one shape; and what few of them have is kept apart, because
 * thousands wait at a time, and the collector copies every field of each twice.
 */
export class WorkItem<Item> {
  readonly item: Item;
  /** The two parts of its lane. */
  readonly lanePlace: string;
  readonly laneName: string;
  readonly bytes: number;
  readonly eventId: string;
  /** The batch that waits for it; null for a redriven item. */
  readonly entry: AckEntry | null;
  readonly table: TableLoad | null;
  /** Since when an earlier life of the pipeline may have sent it, milliseconds since 1970; Infinity when none has. */
  sentSinceMs: number = Infinity;
  /** When it was sent first; null when it was not. One for all of a request. */
  firstAttempt: { readonly atMs: number } | null = null;
  attempts: number = 0;
  /** The item behind it in its lane. */
  next: WorkItem<Item> | null = null;
  /** Of its lane, kept by `LaneTails`. */
  laneHash: number = 0;
  #rare: Rarity | null = null;

  constructor(
    item: Item,
    lanePlace: string,
    laneName: string,
    bytes: number,
    eventId: string,
    itemIndex: number,
    entry: AckEntry | null,
    table: TableLoad | null,
  ) {
    this.item = item;
    this.lanePlace = lanePlace;
    this.laneName = laneName;
    this.bytes = bytes;
    this.eventId = eventId;
    this.entry = entry;
    this.table = table;
    if (itemIndex !== 0) this.#own().itemIndex = itemIndex;
  }

  get lane(): string {
    return laneText(this.lanePlace, this.laneName);
  }

  /** Number of the item within its event. */
  get itemIndex(): number {
    return this.#rare?.itemIndex ?? 0;
  }

  /** Hears of its outcome; null where nothing is counted. */
  get counted(): Counted | null {
    return this.#rare?.counted ?? null;
  }

  set counted(counted: Counted | null) {
    if (counted !== this.counted) this.#own().counted = counted;
  }

  /** Goes in a request of its own. */
  get alone(): boolean {
    return this.#rare?.alone ?? false;
  }

  set alone(alone: boolean) {
    if (alone !== this.alone) this.#own().alone = alone;
  }

  /** The other side may have it. */
  get inDoubt(): boolean {
    return this.#rare?.inDoubt ?? false;
  }

  set inDoubt(inDoubt: boolean) {
    if (inDoubt !== this.inDoubt) this.#own().inDoubt = inDoubt;
  }

  /** Attempts that were answered with `retry`. */
  get failures(): number {
    return this.#rare?.failures ?? 0;
  }

  set failures(failures: number) {
    if (failures !== this.failures) this.#own().failures = failures;
  }

  get onRedriven(): ((outcome: RedriveOutcome) => void) | null {
    return this.#rare?.onRedriven ?? null;
  }

  set onRedriven(onRedriven: ((outcome: RedriveOutcome) => void) | null) {
    if (onRedriven !== this.onRedriven) this.#own().onRedriven = onRedriven;
  }

  #own(): Rarity {
    this.#rare ??= new Rarity();
    return this.#rare;
  }
}

/** Hears of items that the other side will never take. */
export interface RejectionHandler<Item> {
  rejected(item: WorkItem<Item>, error: Error): void;
}
