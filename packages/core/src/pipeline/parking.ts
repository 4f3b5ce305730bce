import { CdcError } from '../errors/cdc-error.ts';
import type { NewDeadLetter } from '../dead-letter/dead-letter-store.ts';
import { sentByNow } from './confirm.ts';
import { saveWithRetry } from './save-with-retry.ts';
import type { RunContext } from './run-context.ts';
import type { WorkItem } from './work-item.ts';

const LETTERS_PER_WRITE = 500;
/** An item index that marks the letter of an event that could not be mapped: its text is the event. */
export const UNMAPPED_ITEM_INDEX: number = -1;

interface LaneLoad {
  /** Letters on their way to the store. */
  pending: number;
  /** Grows with every letter. */
  version: number;
}

interface Waiting {
  readonly letter: NewDeadLetter;
  readonly reason: 'rejected' | 'lane-blocked';
  /** Called when the letter is durable. */
  readonly onParked: () => void;
}

/**
 * Parks what cannot be delivered. A letter is durable before its item counts as final (I1); items behind a parked one
 * are parked too, in order (I3, O-07).
 */
export class Parking<Item, Row extends object> {
  readonly #context: RunContext<Item, Row>;
  readonly #blocked: Map<string, LaneLoad> = new Map();
  #queue: Waiting[] = [];
  #isWriting = false;

  constructor(context: RunContext<Item, Row>) {
    this.#context = context;
  }

  get blockedLanes(): number {
    return this.#blocked.size;
  }

  isBlocked(lane: string): boolean {
    return this.#blocked.size > 0 && this.#blocked.has(lane);
  }

  block(lane: string): void {
    if (!this.#blocked.has(lane)) this.#blocked.set(lane, { pending: 0, version: 0 });
  }

  /** Changes whenever a letter of the lane is on its way or stored. */
  version(lane: string): number {
    return this.#blocked.get(lane)?.version ?? 0;
  }

  /** Lets the lane go on, unless a letter has come since `version`. */
  unblock(lane: string, version: number): boolean {
    const load = this.#blocked.get(lane);
    if (load === undefined) return true;
    if (load.pending > 0 || load.version !== version) return false;
    this.#blocked.delete(lane);
    return true;
  }

  hasPending(lane: string): boolean {
    return (this.#blocked.get(lane)?.pending ?? 0) > 0;
  }

  parkItem(item: WorkItem<Item>, error: Error | null, onParked: () => void): void {
    const { eventId, itemIndex, lane } = item;
    const text = this.#context.sink.serialize?.(item.item) ?? '';
    const sentSinceMs = sentByNow(item, this.#context.options.time.now());
    this.#park({ lane, eventId, itemIndex, item: text, sentSinceMs }, error, onParked);
  }

  /** Parks an event of which no item could be made. */
  parkEvent(lane: string, eventId: string, text: string, error: Error, onParked: () => void): void {
    const sentSinceMs = this.#context.options.time.now();
    const itemIndex = UNMAPPED_ITEM_INDEX;
    this.#park({ lane, eventId, itemIndex, item: text, sentSinceMs }, error, onParked);
  }

  /** Queues one letter. `error` is null for an item behind a parked one. */
  #park(
    letter: Omit<NewDeadLetter, 'errorCode' | 'errorMessage'>,
    error: Error | null,
    onParked: () => void,
  ): void {
    const load = this.#blocked.get(letter.lane);
    if (load !== undefined) {
      load.pending += 1;
      load.version += 1;
    }
    this.#queue.push({
      letter: { ...letter, ...describe(error) },
      reason: error === null ? 'lane-blocked' : 'rejected',
      onParked,
    });
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#context.background(this.#write());
  }

  async #write(): Promise<void> {
    const { counters, emit, options, settled, signal } = this.#context;
    // What is queued in the same turn goes in one write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const waiting = this.#queue.slice(0, LETTERS_PER_WRITE);
      this.#queue = this.#queue.slice(LETTERS_PER_WRITE);
      const letters = waiting.map(({ letter }) => letter);
      await saveWithRetry(
        async () => options.deadLetters?.park(options.name, letters, { signal }),
        options,
        signal,
      );
      signal.throwIfAborted();
      for (const { letter, reason, onParked } of waiting) {
        const load = this.#blocked.get(letter.lane);
        if (load !== undefined) load.pending -= 1;
        counters.parked += 1;
        onParked();
        emit({ type: 'item-parked', eventId: letter.eventId, reason });
      }
      settled();
    }
    this.#isWriting = false;
  }
}

/** Code and message of an error that is known to carry no row value; of any other only its name. */
function describe(error: Error | null): Pick<NewDeadLetter, 'errorCode' | 'errorMessage'> {
  if (error === null) {
    return { errorCode: 'LANE_BLOCKED', errorMessage: 'An earlier item of the lane is parked.' };
  }
  if (CdcError.is(error)) return { errorCode: error.code, errorMessage: error.message };
  return { errorCode: 'UNKNOWN', errorMessage: error.name };
}
