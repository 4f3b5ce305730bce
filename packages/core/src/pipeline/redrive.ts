import type { DeadLetter, DeadLetterStore } from '../dead-letter/dead-letter-store.ts';
import { splitLane } from '../sink/lane.ts';
import type { Dispatcher } from './dispatcher.ts';
import { UNMAPPED_ITEM_INDEX, type Parking } from './parking.ts';
import type { RunContext } from './run-context.ts';
import { WorkItem, type RedriveOutcome } from './work-item.ts';

const PAGE = 100;
const LANES_AT_ONCE = 32;

interface RedriveParts<Item, Row extends object> {
  readonly context: RunContext<Item, Row>;
  readonly dispatcher: Dispatcher<Item, Row>;
  readonly parking: Parking<Item, Row>;
  readonly store: DeadLetterStore;
  readonly signal: AbortSignal;
}

/** What became of the letters. */
export interface RedriveResult {
  readonly delivered: number;
  readonly stillParked: number;
}

/** Delivers parked items again: lanes beside each other, the letters of a lane one after the other. */
export async function redriveLanes<Item, Row extends object>(
  lanes: readonly string[],
  parts: RedriveParts<Item, Row>,
): Promise<RedriveResult> {
  const waiting = [...lanes];
  let delivered = 0;
  let stillParked = 0;
  const work = async (): Promise<void> => {
    for (let lane = waiting.shift(); lane !== undefined; lane = waiting.shift()) {
      const result = await redriveLane(lane, parts);
      delivered += result.delivered;
      stillParked += result.stillParked;
    }
  };
  const workers = Array.from({ length: Math.min(LANES_AT_ONCE, lanes.length) }, work);
  const outcomes = await Promise.allSettled(workers);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return { delivered, stillParked };
}

async function redriveLane<Item, Row extends object>(
  lane: string,
  parts: RedriveParts<Item, Row>,
): Promise<RedriveResult> {
  const { context, parking, signal, store } = parts;
  const { name } = context.options;
  let delivered = 0;
  for (;;) {
    // Before the read: a letter that is stored while we look must not be left behind in an unblocked lane.
    const version = parking.version(lane);
    const letters = await store.list(name, { lane, limit: PAGE, signal });
    if (letters.length === 0) {
      if (parking.unblock(lane, version)) return { delivered, stillParked: 0 };
      await context.conditions.until(() => !parking.hasPending(lane), signal);
      continue;
    }
    for (const letter of letters) {
      signal.throwIfAborted();
      if ((await deliverLetter(letter, parts)) === 'rejected') {
        return { delivered, stillParked: await count(lane, parts) };
      }
      // Also when the caller has given up meanwhile: what is delivered must not be delivered again.
      await store.remove(name, [letter.sequence], { signal: context.signal });
      delivered += 1;
    }
  }
}

function deliverLetter<Item, Row extends object>(
  letter: DeadLetter,
  parts: RedriveParts<Item, Row>,
): Promise<RedriveOutcome> {
  const { context, dispatcher } = parts;
  // The event itself is kept in such a letter; a mapper that works now sees only events of the source.
  if (letter.itemIndex === UNMAPPED_ITEM_INDEX) return Promise.resolve('rejected');
  const parsed = context.sink.deserialize?.(letter.item);
  if (parsed === undefined) return Promise.resolve('rejected');
  const bytes = Buffer.byteLength(letter.item);
  const { eventId, itemIndex, lane } = letter;
  const [place, name] = splitLane(lane);
  const item = new WorkItem<Item>(parsed, place, name, bytes, eventId, itemIndex, null, null);
  // A redrive may have sent it and not lived to remove the letter.
  item.sentSinceMs = letter.sentSinceMs ?? -Infinity;
  let isOver = false;
  let outcome: RedriveOutcome = 'rejected';
  item.onRedriven = (result) => {
    outcome = result;
    isOver = true;
  };
  dispatcher.admit(item);
  dispatcher.lanes.push(item);
  dispatcher.pump();
  return context.conditions.until(() => isOver).then(() => outcome);
}

async function count<Item, Row extends object>(
  lane: string,
  parts: RedriveParts<Item, Row>,
): Promise<number> {
  const { context, signal, store } = parts;
  let letters = 0;
  let after: string | undefined;
  for (;;) {
    const page = await store.list(context.options.name, { lane, after, limit: PAGE, signal });
    letters += page.length;
    after = page.at(-1)?.sequence;
    if (page.length < PAGE || after === undefined) return letters;
  }
}
