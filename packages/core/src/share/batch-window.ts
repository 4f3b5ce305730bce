import type { Position } from '../checkpoint/checkpoint.ts';
import type { ChangeBatch } from '../source/change-source.ts';

/** The batches that not every consumer has taken yet, numbered from 0 since the stream was opened. */
export class BatchWindow<Row extends object> {
  #batches: ChangeBatch<Row>[] = [];
  #first = 0;
  #bytes = 0;
  #leftTo: Position | null = null;
  #isCut = false;

  /** Number of the batch that is read next. */
  get next(): number {
    return this.#first + this.#batches.length;
  }

  get first(): number {
    return this.#first;
  }

  /** Batches in memory. */
  get size(): number {
    return this.#batches.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What was dropped ended here; null when nothing was dropped, or a part of a transaction. */
  get droppedTo(): Position | null {
    return this.#isCut ? null : this.#leftTo;
  }

  /** The newest end that was dropped; every end in the window is behind it. */
  get lastDroppedEnd(): Position | null {
    return this.#leftTo;
  }

  get isWhole(): boolean {
    return this.#first === 0;
  }

  at(number: number): ChangeBatch<Row> | null {
    return this.#batches[number - this.#first] ?? null;
  }

  add(batch: ChangeBatch<Row>): void {
    this.#batches.push(batch);
    this.#bytes += batch.bytes;
  }

  /** Drops everything before a batch. */
  dropTo(number: number): void {
    const count = Math.min(number - this.#first, this.#batches.length);
    if (count <= 0) return;
    for (const batch of this.#batches.splice(0, count)) {
      this.#bytes -= batch.bytes;
      if (batch.end !== null) this.#leftTo = batch.end;
      if (batch.end !== null || batch.events.length > 0) this.#isCut = batch.end === null;
    }
    this.#first += count;
  }
}
