import { laneText } from '../sink/lane.ts';
import type { Counted } from '../windows/tally.ts';
import type { AckEntry } from './ack-tracker.ts';

/** Unfinished items of one table; what a barrier waits for. */
export interface TableLoad {
  unfinished: number;
}

/** What became of a redriven item. */
export type RedriveOutcome = 'delivered' | 'rejected';

/** The lanes that have any item. */
export interface Lanes {
  /** Nothing is left in that lane. */
  free(laneName: string): void;
}

/** One prepared item on its way. A class so that all have one shape. */
export class WorkItem<Item> {
  readonly item: Item;
  /** The two parts of its lane. */
  readonly lanePlace: string;
  readonly laneName: string;
  readonly bytes: number;
  readonly eventId: string;
  /** Number of the item within its event. */
  readonly itemIndex: number;
  /** The batch that waits for it; null for a redriven item. */
  readonly entry: AckEntry | null;
  readonly table: TableLoad | null;
  /** Hears of its outcome; null where nothing is counted. */
  counted: Counted | null = null;
  /** Goes in a request of its own. */
  alone: boolean = false;
  /** Since when an earlier life of the pipeline may have sent it, milliseconds since 1970; Infinity when none has. */
  sentSinceMs: number = Infinity;
  /** The other side may have it. */
  inDoubt: boolean = false;
  firstAttemptAtMs: number = 0;
  attempts: number = 0;
  /** Attempts that were answered with `retry`. */
  failures: number = 0;
  /** The item behind it in its lane. */
  next: WorkItem<Item> | null = null;
  /** Those of its place, as long as it waits or is under way. */
  lanes: Lanes | null = null;
  onRedriven: ((outcome: RedriveOutcome) => void) | null = null;

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
    this.itemIndex = itemIndex;
    this.entry = entry;
    this.table = table;
  }

  get lane(): string {
    return laneText(this.lanePlace, this.laneName);
  }
}

/** Hears of items that the other side will never take. */
export interface RejectionHandler<Item> {
  rejected(item: WorkItem<Item>, error: Error): void;
}
