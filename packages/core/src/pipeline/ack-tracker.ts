import type { Position } from '../checkpoint/checkpoint.ts';
import { sumOf, type Tally } from '../windows/tally.ts';

/** What may be saved and acknowledged. */
export interface AckMark {
  readonly end: Position;
  /** Events received up to this end, since the start. */
  readonly events: number;
  readonly bytes: number;
  /** When the oldest event below it was received; Infinity when there is none. */
  readonly oldestAtMs: number;
  /** What the events since the mark before were and became; null where nothing is counted. */
  readonly tally: Tally | null;
}

/** One batch. Opaque to all but the tracker, except for `heldBytes`. */
export interface AckEntry {
  /** Memory that the batch holds while it is unfinished; kept here by the intake. */
  heldBytes: number;
}

interface Node extends AckEntry {
  unfinished: number;
  end: Position | null;
  events: number;
  bytes: number;
  oldestAtMs: number;
  tally: Tally | null;
  previous: Node | null;
  next: Node | null;
}

/**
 * Finds the newest batch end at or below which everything is final (I1): the low-water mark of contiguous
 * completion, never the maximum.
 *
 * Finished batches behind an unfinished one are merged, so memory grows with unfinished batches only.
 */
export class AckTracker {
  #head: Node | null = null;
  #tail: Node | null = null;
  #receivedEvents = 0;
  #receivedBytes = 0;
  #endEvents = 0;
  #looseOldestAtMs = Infinity;
  /** Of finished batches that no end covers yet. */
  #looseTally: Tally | null = null;
  #ackable: AckMark | null = null;
  #taken: AckMark | null = null;
  #acknowledgedEvents = 0;
  #acknowledgedBytes = 0;
  #newestEnd: Position | null = null;
  #acknowledgedEnd: Position | null = null;

  /** Adds a batch, held open until `finish` was called once for the batch itself and once for each `hold`. */
  open(
    events: number,
    bytes: number,
    end: Position | null,
    nowMs: number,
    tally: Tally | null = null,
  ): AckEntry {
    this.#receivedEvents += events;
    this.#receivedBytes += bytes;
    if (end !== null) {
      this.#endEvents = this.#receivedEvents;
      this.#newestEnd = end;
    }
    const node: Node = {
      heldBytes: 0,
      unfinished: 1,
      end,
      events: this.#receivedEvents,
      bytes: this.#receivedBytes,
      oldestAtMs: events === 0 ? Infinity : nowMs,
      tally,
      previous: this.#tail,
      next: null,
    };
    if (this.#tail === null) this.#head = node;
    else this.#tail.next = node;
    this.#tail = node;
    return node;
  }

  /** Adds one unfinished item to a batch that is still open. */
  hold(entry: AckEntry): void {
    (entry as Node).unfinished += 1;
  }

  /** Takes one hold off. True when the batch is finished by it. */
  finish(entry: AckEntry): boolean {
    const node = entry as Node;
    node.unfinished -= 1;
    if (node.unfinished > 0) return false;
    if (node === this.#head) this.#advance();
    else this.#merge(node);
    return true;
  }

  /** The newest end that may be saved and is not taken yet. The caller saves, acknowledges and then settles it. */
  take(): AckMark | null {
    const mark = this.#ackable;
    if (mark === null || this.#taken !== null) return null;
    this.#ackable = null;
    this.#taken = mark;
    return mark;
  }

  /** The mark that `take` gave is saved and acknowledged. */
  settle(mark: AckMark): void {
    this.#taken = null;
    this.#acknowledgedEvents = mark.events;
    this.#acknowledgedBytes = mark.bytes;
    this.#acknowledgedEnd = mark.end;
  }

  /** What `take` would give, without taking it. */
  get ackable(): AckMark | null {
    return this.#ackable;
  }

  /** Events at or below the newest end received. */
  get endEvents(): number {
    return this.#endEvents;
  }

  get acknowledgedEvents(): number {
    return this.#acknowledgedEvents;
  }

  get unacknowledgedEvents(): number {
    return this.#receivedEvents - this.#acknowledgedEvents;
  }

  get unacknowledgedBytes(): number {
    return this.#receivedBytes - this.#acknowledgedBytes;
  }

  /** True when an end was received that is not acknowledged: acknowledging can go on without reading more. */
  get awaitsAcknowledgement(): boolean {
    return this.#endEvents > this.#acknowledgedEvents || this.#newestEnd !== this.#acknowledgedEnd;
  }

  get oldestAtMs(): number {
    return Math.min(
      this.#taken?.oldestAtMs ?? Infinity,
      this.#ackable?.oldestAtMs ?? Infinity,
      this.#looseOldestAtMs,
      this.#head?.oldestAtMs ?? Infinity,
    );
  }

  /** Batches in memory; for tests. */
  get size(): number {
    let size = 0;
    for (let node = this.#head; node !== null; node = node.next) size += 1;
    return size;
  }

  #advance(): void {
    let node = this.#head;
    while (node !== null && node.unfinished === 0) {
      this.#looseOldestAtMs = Math.min(this.#looseOldestAtMs, node.oldestAtMs);
      this.#looseTally = sumOf(this.#looseTally, node.tally);
      if (node.end !== null) {
        this.#ackable = {
          end: node.end,
          events: node.events,
          bytes: node.bytes,
          oldestAtMs: Math.min(this.#ackable?.oldestAtMs ?? Infinity, this.#looseOldestAtMs),
          tally: sumOf(this.#ackable?.tally ?? null, this.#looseTally),
        };
        this.#looseOldestAtMs = Infinity;
        this.#looseTally = null;
      }
      node = node.next;
    }
    this.#head = node;
    if (node === null) this.#tail = null;
    else node.previous = null;
  }

  #merge(node: Node): void {
    if (node.next !== null && node.next.unfinished === 0) this.#join(node, node.next);
    let later = node;
    // A new end may let its forerunners join one after the other.
    while (later.previous !== null && later.previous.unfinished === 0) {
      if (!this.#join(later.previous, later)) break;
      later = later.previous;
    }
  }

  /** Both finished. An end is kept apart from a later batch without one, whose events it does not cover. */
  #join(earlier: Node, later: Node): boolean {
    if (earlier.end !== null && later.end === null) return false;
    earlier.end = later.end;
    earlier.events = later.events;
    earlier.bytes = later.bytes;
    earlier.oldestAtMs = Math.min(earlier.oldestAtMs, later.oldestAtMs);
    earlier.tally = sumOf(earlier.tally, later.tally);
    earlier.next = later.next;
    if (later.next === null) this.#tail = earlier;
    else later.next.previous = earlier;
    return true;
  }
}
