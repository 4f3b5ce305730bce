import { CdcError } from '../errors/cdc-error.ts';
import { MappingError } from '../errors/value-error.ts';
import { isRowChange, type ChangeEvent } from '../event/change-event.ts';
import { redactedCause } from '../mapper/internal/redacted-cause.ts';
import { type PlacedLane, splitLane } from '../sink/lane.ts';
import type { Prepared } from '../sink/sink.ts';
import type { ChangeBatch, ChangeStream } from '../source/change-source.ts';
import { type Counted, SharedOutcome, Tally } from '../windows/tally.ts';
import type { AckEntry } from './ack-tracker.ts';
import type { CheckpointWriter } from './checkpoint-writer.ts';
import type { SentSince } from './confirm.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Parking } from './parking.ts';
import type { RunContext } from './run-context.ts';
import { TableLoads } from './table-loads.ts';
import { WorkItem, type TableLoad } from './work-item.ts';
import { tableLabel } from '../event/table-label.ts';

/** Longest stretch of reading without letting timers and sockets have their turn. */
const STRETCH_MS = 10;
/** Reading goes on when the load has fallen to this part of its limit. */
const RESUME_AT = 0.75;

interface IntakeParts<Item, Row extends object> {
  readonly context: RunContext<Item, Row>;
  readonly stream: ChangeStream<Row>;
  readonly dispatcher: Dispatcher<Item, Row>;
  readonly parking: Parking<Item, Row>;
  readonly checkpoints: CheckpointWriter;
  /** Which events are asked about before they are sent (H-07). */
  readonly sentSince: SentSince;
}

/** Reads the stream, prepares its events and puts them in their lanes; pauses when there is enough in memory. */
export class Intake<Item, Row extends object> {
  readonly #parts: IntakeParts<Item, Row>;
  readonly #context: RunContext<Item, Row>;
  readonly #tables: TableLoads = new TableLoads();
  #isEnding = false;
  #isBetweenBatches = true;
  #hasEnded = false;

  constructor(parts: IntakeParts<Item, Row>) {
    this.#parts = parts;
    this.#context = parts.context;
  }

  /** True when no batch is half taken. */
  get isBetweenBatches(): boolean {
    return this.#isBetweenBatches;
  }

  /** True when the source has nothing more to give. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Takes no further batch. */
  end(): void {
    this.#isEnding = true;
  }

  /** Resolves when the source ends or `end` was called. */
  async run(): Promise<void> {
    const { conditions, options, signal } = this.#context;
    const { dispatcher } = this.#parts;
    const iterator = this.#parts.stream[Symbol.asyncIterator]();
    let stretchEndsAtMs = options.time.now() + STRETCH_MS;
    while (!this.#isEnding) {
      if (this.#isFull(1)) await this.#room();
      // What is not read yet need not be kept: objects that live for long cost far more than those that do not.
      if (dispatcher.isAhead) await conditions.until(() => this.#isEnding || !dispatcher.isAhead);
      if (this.#isEnding) return;
      const next = await iterator.next();
      if (this.#isEnding || signal.aborted) return;
      if (next.done === true) break;
      const isTaken = this.#take(next.value);
      if (isTaken !== null) await isTaken;
      if (options.time.now() >= stretchEndsAtMs) {
        await new Promise((resolve) => setImmediate(resolve));
        stretchEndsAtMs = options.time.now() + STRETCH_MS;
      }
    }
    this.#hasEnded = true;
    conditions.check();
  }

  /** Null when the batch was taken at once; a promise when it holds a barrier. */
  #take(batch: ChangeBatch<Row>): Promise<void> | null {
    const { counters, emit, isObserved, options, tracker } = this.#context;
    const { bytes, events } = batch;
    counters.received += events.length;
    if (isObserved) emit({ type: 'batch-received', events: events.length, bytes });
    const tally = options.windows === null || events.length === 0 ? null : new Tally();
    const entry = tracker.open(events.length, bytes, batch.end, options.time.now(), tally);
    entry.heldBytes = bytes;
    counters.inFlightBytes += bytes;
    this.#isBetweenBatches = false;
    return this.#takeFrom(batch, entry, tally, 0, 0);
  }

  #takeFrom(
    batch: ChangeBatch<Row>,
    entry: AckEntry,
    tally: Tally | null,
    first: number,
    bytesBefore: number,
  ): Promise<void> | null {
    let preparedBytes = bytesBefore;
    for (let index = first; index < batch.events.length; index += 1) {
      const event = batch.events[index];
      if (event === undefined) continue;
      const captured = tally?.capture(event) ?? null;
      const prepared = this.#prepare(event, entry, captured);
      if (prepared === null) continue;
      const counted =
        captured !== null && prepared.length > 1
          ? new SharedOutcome(captured, prepared.length)
          : captured;
      const isBarrier =
        event.operation === 'truncate' || event.operation === 'schema' || event.operation === 'gap';
      if (isBarrier && prepared.length > 0) {
        for (const { bytes } of prepared) preparedBytes += bytes;
        return this.#passBarrier(event, prepared, entry, counted).then(
          () => this.#takeFrom(batch, entry, tally, index + 1, preparedBytes) ?? undefined,
        );
      }
      const table = this.#tableOf(event);
      for (let part = 0; part < prepared.length; part += 1) {
        const piece = prepared[part];
        if (piece === undefined) continue;
        preparedBytes += piece.bytes;
        this.#add(piece, part, event, entry, table, counted);
      }
    }
    this.#seal(entry, batch.bytes, preparedBytes);
    return null;
  }

  #seal(entry: AckEntry, batchBytes: number, preparedBytes: number): void {
    const { conditions, counters, tracker } = this.#context;
    if (preparedBytes > batchBytes) {
      counters.inFlightBytes += preparedBytes - batchBytes;
      entry.heldBytes += preparedBytes - batchBytes;
    }
    if (tracker.finish(entry)) counters.inFlightBytes -= entry.heldBytes;
    this.#isBetweenBatches = true;
    this.#parts.checkpoints.poke();
    this.#parts.dispatcher.pump();
    conditions.check();
  }

  /** What the event becomes; null when it is dealt with. */
  #prepare(
    event: ChangeEvent<Row>,
    entry: AckEntry,
    counted: Counted | null,
  ): readonly Prepared<Item>[] | null {
    const { counters, emit, isObserved, options, sink } = this.#context;
    let reason = 'filter';
    try {
      if (options.filter === null || options.filter(event)) {
        const prepared = sink.prepare(event);
        if (prepared.length > 0) return prepared;
        reason = 'prepare';
      }
    } catch (error) {
      this.#unprepared(event, entry, counted, error);
      return null;
    }
    counters.skipped += 1;
    counted?.count('skipped');
    if (isObserved) emit({ type: 'event-skipped', eventId: event.id, reason });
    return null;
  }

  /** The event cannot be mapped: it counts as rejected and is never lost. */
  #unprepared(
    event: ChangeEvent<Row>,
    entry: AckEntry,
    counted: Counted | null,
    cause: unknown,
  ): void {
    const { counters, emit, fail, options, tracker } = this.#context;
    const error = CdcError.is(cause)
      ? cause
      : new MappingError(event.id, `Event ${event.id} could not be mapped.`, {
          cause: redactedCause(cause),
        });
    emit({ type: 'item-rejected', eventId: event.id, error });
    if (options.onRejected === 'halt') {
      fail(error);
      return;
    }
    tracker.hold(entry);
    counters.inFlightItems += 1;
    const lane = unmappedLane(event);
    const text = JSON.stringify(event);
    this.#parts.parking.parkEvent(lane, event.id, text, error, () => {
      counters.inFlightItems -= 1;
      counted?.count('parked');
      if (tracker.finish(entry)) counters.inFlightBytes -= entry.heldBytes;
    });
  }

  #add(
    piece: Prepared<Item> & Partial<PlacedLane>,
    part: number,
    event: ChangeEvent<Row>,
    entry: AckEntry,
    table: TableLoad | null,
    counted: Counted | null,
    alone: boolean = false,
  ): void {
    const { dispatcher, parking, sentSince } = this.#parts;
    const { bytes, item: made } = piece;
    let { laneName: name, lanePlace: place } = piece;
    if (place === undefined || name === undefined) [place, name] = splitLane(piece.lane);
    const item = new WorkItem(made, place, name, bytes, event.id, part, entry, table);
    item.alone = alone;
    item.counted = counted;
    item.sentSinceMs = sentSince(event.transaction?.committedAt);
    this.#context.tracker.hold(entry);
    dispatcher.admit(item);
    if (parking.blockedLanes > 0 && parking.isBlocked(item.lane)) {
      parking.parkItem(item, null, () => dispatcher.finish(item, 'parked'));
    } else dispatcher.lanes.push(item);
  }

  #tableOf(event: ChangeEvent<Row>): TableLoad | null {
    return 'table' in event ? this.#tables.of(event.table) : null;
  }

  /** Waits for all earlier items of the table (a gap: of all tables), delivers the barrier alone and waits for it too. */
  async #passBarrier(
    event: ChangeEvent<Row>,
    prepared: readonly Prepared<Item>[],
    entry: AckEntry,
    counted: Counted | null,
  ): Promise<void> {
    const { conditions, counters } = this.#context;
    const table = this.#tableOf(event);
    const isCalm = (): boolean =>
      table === null ? counters.inFlightItems === 0 : table.unfinished === 0;
    const calm = this.#parts.dispatcher.hurry();
    try {
      await conditions.until(isCalm);
      for (const [part, piece] of prepared.entries()) {
        this.#add(piece, part, event, entry, table, counted, true);
      }
      this.#parts.dispatcher.pump();
      await conditions.until(isCalm);
    } finally {
      calm();
    }
  }

  async #room(): Promise<void> {
    const calm = this.#parts.dispatcher.hurry();
    try {
      await this.#context.conditions.until(() => this.#isEnding || !this.#isFull(RESUME_AT));
    } finally {
      calm();
    }
  }

  #isFull(part: number): boolean {
    const { counters, options } = this.#context;
    const { limits } = options;
    return (
      counters.inFlightBytes > limits.maxInFlightBytes * part ||
      counters.inFlightItems > limits.maxInFlightItems * part ||
      this.#isTooMuchUnacknowledged()
    );
  }

  /**
   * Only what an end can acknowledge counts: the events of a transaction that is still being read are acknowledged by
   * reading on, so pausing for them would be for ever.
   */
  #isTooMuchUnacknowledged(): boolean {
    const { options, tracker } = this.#context;
    const { maxUnacknowledgedAgeMs, maxUnacknowledgedEvents } = options.limits;
    if (tracker.endEvents <= tracker.acknowledgedEvents) return false;
    if (
      maxUnacknowledgedEvents !== false &&
      tracker.unacknowledgedEvents > maxUnacknowledgedEvents
    ) {
      return true;
    }
    return (
      maxUnacknowledgedAgeMs !== false &&
      options.time.now() - tracker.oldestAtMs > maxUnacknowledgedAgeMs
    );
  }
}

function unmappedLane(event: ChangeEvent<object>): string {
  if (event.operation === 'message') return `unmapped:message:${event.prefix}`;
  if (event.operation === 'gap') return `unmapped:gap:${event.source.name}`;
  const table = tableLabel(event.table);
  return isRowChange(event)
    ? `unmapped:${table}:${JSON.stringify(event.key)}`
    : `unmapped:${table}`;
}
