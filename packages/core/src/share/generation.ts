import type { Checkpoint, Position } from '../checkpoint/checkpoint.ts';
import { ConfigurationError } from '../errors/configuration-error.ts';
import type { ChangeBatch, ChangeStream } from '../source/change-source.ts';
import type { StreamSharing } from '../source/stream-sharing.ts';
import { BatchWindow } from './batch-window.ts';
import { EndMarks } from './end-marks.ts';

/** One opening of the source's stream. The stream is read again, from the slowest position, by another generation. */
export class Generation<Row extends object> {
  readonly stream: ChangeStream<Row>;
  readonly sharing: StreamSharing<Row>;
  readonly window: BatchWindow<Row> = new BatchWindow();
  readonly marks: EndMarks;
  readonly #iterator: AsyncIterator<ChangeBatch<Row>>;
  /** True when the source has nothing more to give. */
  isOver = false;
  /** False behind a gap: until all have its record, what is saved for all stands before it. */
  isBeginSaved = true;
  /** Ends before this one cannot be asked for any more. */
  #forgotten: Position;

  private constructor(stream: ChangeStream<Row>, sharing: StreamSharing<Row>) {
    this.stream = stream;
    this.sharing = sharing;
    this.marks = new EndMarks(sharing.compare);
    this.#iterator = stream[Symbol.asyncIterator]();
    this.#forgotten = sharing.begin;
  }

  /** @throws ConfigurationError The stream cannot be shared. It is closed then. */
  static async of<Row extends object>(stream: ChangeStream<Row>): Promise<Generation<Row>> {
    const { sharing } = stream;
    if (sharing !== undefined) return new Generation(stream, sharing);
    await stream[Symbol.asyncDispose]();
    throw new ConfigurationError('source', 'This source cannot be shared.', {
      remedy: 'Give each consumer a source of its own.',
    });
  }

  /** Resolves with false when the source has ended. */
  async read(nowMs: () => number): Promise<boolean> {
    const next = await this.#iterator.next();
    if (next.done === true) return false;
    this.window.add(next.value);
    this.marks.add(next.value, nowMs());
    return true;
  }

  readonly checkpoint = (end: Position): Checkpoint => this.stream.checkpoint(end);

  /** The newest end that was given at or below a position and whose checkpoint can be asked for. */
  endUpTo(position: Position): Position | null {
    const end = this.marks.upTo(position)?.end ?? null;
    return end !== null && this.sharing.compare(end, this.#forgotten) >= 0 ? end : null;
  }

  /** True when everything behind a position is in the window, or will be read. Null: everything, with what it begins with. */
  holds(position: Position | null): boolean {
    if (this.window.isWhole) return true;
    if (position === null) return false;
    const { droppedTo } = this.window;
    return droppedTo !== null && this.sharing.compare(position, droppedTo) >= 0;
  }

  /**
   * Forgets the ends that are of no use to any open consumer. One that starts may still take those in the window.
   *
   * @param oldestUse The oldest end of use; null while that is not known.
   */
  forget(oldestUse: (generation: Generation<Row>) => Position | null): void {
    const { compare } = this.sharing;
    const dropped = this.window.lastDroppedEnd;
    const used = dropped === null ? null : oldestUse(this);
    if (dropped === null || used === null) return;
    const end = compare(used, dropped) < 0 ? used : dropped;
    if (compare(end, this.#forgotten) <= 0) return;
    this.#forgotten = end;
    this.sharing.forget(end);
  }
}
