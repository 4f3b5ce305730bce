import type { Checkpoint, Position } from '../checkpoint/checkpoint.ts';
import type { JsonRow } from '../event/json.ts';
import { Conditions } from '../pipeline/conditions.ts';
import type { ChangeBatch } from '../source/change-source.ts';
import type { SourceEvent } from '../source/source-event.ts';
import type { StreamSharing } from '../source/stream-sharing.ts';
import { hasItsPlace, leaveOut, type Remainder } from './leave-out.ts';

type CheckpointMaker = (end: Position) => Checkpoint;

/** One open consumer: where it is in the stream that is read for all. */
export class Member<Row extends object = JsonRow> {
  readonly name: string;
  readonly conditions: Conditions = new Conditions();
  readonly onEvent: (event: SourceEvent) => void;
  /** Number of the batch that it takes next; null while the stream does not hold it (any more). */
  cursor: number | null = null;
  /** Every batch before this one was taken, and the consumer has come back from it. */
  handedTo = 0;
  /** True while it waits for a batch that has not been read. */
  isWaiting = false;
  /** True while it asks for a batch, waiting or about to take one. */
  isAsking = false;
  lastTakenAtMs = 0;
  /** How often reading went on without it. */
  stalls = 0;
  /** What made its lag begin before the stream was read again; null when that is over. */
  laggingSinceMs: number | null = null;
  error: { readonly reason: unknown } | null = null;
  /** The newest end that it has, and the last event behind it. */
  #end: Position | null = null;
  #lastEventId: string | null = null;
  #isSkipping = false;
  /** The event up to which is skipped what it has of a transaction; null when that has been passed. */
  #skipTo: string | null = null;
  #isWithin = false;
  /**
   * While the stream is read again: how far it has been passed through without anything new for this consumer. Nothing
   * behind that may be acknowledged for it, though it may have acknowledged more: what cannot be told apart (rows that
   * are copied beside the stream) is given to it once more, or for the first time.
   */
  #hold: Position | null = null;
  #isHeld = false;
  /** It is further than the stream begins, and has yet to acknowledge something behind the record of the gap that comes there. */
  #owesBegin = false;
  /** Where it was when the stream was read again. */
  #sought: Position | null = null;
  /** Ends that it has and has not acknowledged, and the acknowledged one, with who knows their checkpoints. */
  readonly #ends: Map<Position, CheckpointMaker> = new Map();

  constructor(name: string, onEvent: (event: SourceEvent) => void) {
    this.name = name;
    this.onEvent = (event) => {
      try {
        onEvent(event);
      } catch {
        // An observer cannot break the stream.
      }
    };
  }

  /** The newest end that it has; null before it has a place. */
  get end(): Position | null {
    return this.#end;
  }

  /** True while it may be given what it has, and is not. */
  get isSkipping(): boolean {
    return this.#isSkipping;
  }

  get hasPlace(): boolean {
    return this.#end !== null;
  }

  /** What may be acknowledged for it, of what it has acknowledged. */
  standing(
    acknowledged: Position | null,
    compare: (a: Position, b: Position) => number,
  ): Position | null {
    if (this.#owesBegin) return null;
    if (acknowledged === null || this.#hold === null) return acknowledged;
    return compare(this.#hold, acknowledged) < 0 ? this.#hold : acknowledged;
  }

  /** Gives it its first place. */
  place(
    end: Position,
    checkpoint: CheckpointMaker,
    at: {
      readonly cursor: number;
      readonly begin: Position;
      /** It goes on from a checkpoint of its own, and not where the stream begins. */
      readonly isFurther: boolean;
      /** It is given what the stream begins with, wherever it goes on. */
      readonly fromBegin: boolean;
    },
  ): void {
    this.#end = end;
    this.#ends.set(end, checkpoint);
    this.seek(at);
    this.#isSkipping = at.isFurther;
    this.#owesBegin = at.isFurther && at.fromBegin;
  }

  /** From here on it is given what it does not have. */
  seek({ begin, cursor }: { readonly cursor: number; readonly begin: Position }): void {
    this.cursor = cursor;
    this.handedTo = cursor;
    this.#isSkipping = true;
    this.#skipTo = this.#lastEventId;
    this.#isWithin = false;
    this.#hold = begin;
    this.#isHeld = false;
    this.#sought = this.#end;
  }

  /** The checkpoint of an end that it has; null for one that it does not have, or acknowledged long ago. */
  checkpoint(end: Position): Checkpoint | null {
    return this.#ends.get(end)?.(end) ?? null;
  }

  has(end: Position): boolean {
    return this.#ends.has(end);
  }

  /** Forgets the ends before one that is acknowledged. */
  acknowledge(end: Position, compare: ((a: Position, b: Position) => number) | null): void {
    const isNew = compare !== null && this.#sought !== null && compare(end, this.#sought) > 0;
    if (isNew && !this.#isSkipping) {
      this.#hold = null;
      this.#owesBegin = false;
    }
    for (const earlier of this.#ends.keys()) {
      if (earlier === end) break;
      this.#ends.delete(earlier);
    }
  }

  /** Passes the next batch when it has nothing for the consumer, without waiting for it to ask. */
  pass(batch: ChangeBatch<Row>, sharing: StreamSharing<Row>): boolean {
    let left: Remainder<Row> | null = null;
    try {
      left = this.#leftOf(batch, sharing);
    } catch {
      // The consumer is told when it takes the batch.
    }
    if (left === null || left.batch !== null) return false;
    this.#skipped(batch, left);
    if (this.cursor !== null) this.cursor += 1;
    // One that asks has come back from everything before.
    if (this.isAsking && this.cursor !== null) this.handedTo = this.cursor;
    return true;
  }

  /** Takes the next batch. Null when the consumer has all of it. */
  take(
    batch: ChangeBatch<Row>,
    stream: { readonly sharing: StreamSharing<Row>; readonly checkpoint: CheckpointMaker },
    nowMs: number,
  ): ChangeBatch<Row> | null {
    if (this.cursor !== null) this.cursor += 1;
    this.lastTakenAtMs = nowMs;
    const left = this.#leftOf(batch, stream.sharing);
    if (left !== null) this.#skipped(batch, left);
    const given = left === null ? batch : left.batch;
    const last = given?.events.findLast(hasItsPlace);
    if (last !== undefined) this.#lastEventId = last.id;
    if (given !== null && given.end !== null) {
      this.#end = given.end;
      this.#lastEventId = null;
      this.#ends.set(given.end, stream.checkpoint);
    }
    return given;
  }

  /** What is left of a batch for a consumer that may have some of it; null for one that has nothing of it. */
  #leftOf(batch: ChangeBatch<Row>, sharing: StreamSharing<Row>): Remainder<Row> | null {
    if (!this.#isSkipping || this.#end === null) return null;
    const place = { end: this.#end, lastEventId: this.#skipTo, isWithin: this.#isWithin };
    return leaveOut(batch, place, sharing);
  }

  #skipped(batch: ChangeBatch<Row>, left: Remainder<Row>): void {
    this.#skipTo = left.place.lastEventId;
    this.#isWithin = left.place.isWithin;
    this.#isSkipping = !left.isPast;
    if (left.batch !== null && left.batch.events.length > 0) this.#isHeld = true;
    if (!this.#isHeld) this.#hold = left.isPast ? null : (batch.end ?? this.#hold);
  }

  /** Ends its stream with an error. */
  fail(reason: unknown): void {
    this.error ??= { reason };
    this.conditions.close(reason);
  }
}
