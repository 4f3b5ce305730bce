import type { Checkpoint, Position } from '../checkpoint/checkpoint.ts';
import { PipelineStateError } from '../errors/pipeline-state-error.ts';
import { batchIterator } from '../internal/batch-iterator.ts';
import { onAbort } from '../internal/on-abort.ts';
import type { ChangeBatch, ChangeStream, OpenOptions, SourceLag } from '../source/change-source.ts';
import type { CopyProgress } from '../source/copy-progress.ts';
import type { SlotHealth } from '../source/slot-health.ts';
import type { Generation } from './generation.ts';
import { Member } from './member.ts';
import type { SharedStream } from './shared-stream.ts';

/** One consumer's stream: what the shared stream gives, from the consumer's own checkpoint on. */
export class ConsumerStream<Row extends object> implements ChangeStream<Row> {
  readonly #shared: SharedStream<Row>;
  readonly #member: Member<Row>;
  readonly #signal: AbortSignal;
  readonly #now: () => number;
  readonly #forgetAbort: () => void;
  #isClosed = false;

  private constructor(
    shared: SharedStream<Row>,
    member: Member<Row>,
    signal: AbortSignal,
    now: () => number,
  ) {
    this.#shared = shared;
    this.#member = member;
    this.#signal = signal;
    this.#now = now;
    this.#forgetAbort = onAbort(signal, () => {
      member.fail(signal.reason);
      // Nobody waits for it here; disposing does.
      shared.leave(member).catch(() => {});
    });
  }

  /** Joins the shared stream. */
  static async open<Row extends object>(
    shared: SharedStream<Row>,
    name: string,
    { after, onEvent, signal }: OpenOptions,
    now: () => number,
  ): Promise<ConsumerStream<Row>> {
    const member = new Member<Row>(name, onEvent ?? (() => {}));
    const stream = new ConsumerStream(shared, member, signal, now);
    try {
      await Promise.race([shared.join(member, after), member.conditions.until(() => false)]);
      signal.throwIfAborted();
      if (member.error !== null) throw member.error.reason;
      return stream;
    } catch (error) {
      await stream[Symbol.asyncDispose]();
      signal.throwIfAborted();
      throw error;
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<ChangeBatch<Row>> {
    return batchIterator(() => this.#next(), this);
  }

  checkpoint(end: Position): Checkpoint {
    const checkpoint = this.#member.checkpoint(end);
    if (checkpoint === null) throw notHandedOver(end);
    return checkpoint;
  }

  async acknowledge(end: Position): Promise<void> {
    const { error } = this.#member;
    if (error !== null) throw error.reason;
    if (!this.#member.has(end)) throw notHandedOver(end);
    await this.#shared.acknowledge(this.#member, end);
  }

  /** `bytes` is what the server keeps for the slowest consumer; `ms` is this consumer's own. */
  async lag(): Promise<SourceLag> {
    const lag = await this.#shared.generation?.stream.lag();
    const { committedAtMs } = this.#shared.lagOf(this.#member);
    return {
      bytes: lag?.bytes ?? null,
      ms: committedAtMs === null ? null : Math.max(this.#now() - committedAtMs, 0),
    };
  }

  slotHealth(): SlotHealth | null {
    return this.#shared.generation?.stream.slotHealth?.() ?? null;
  }

  progress(): readonly CopyProgress[] {
    return this.#shared.generation?.stream.progress?.() ?? [];
  }

  async caughtUp({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const member = this.#member;
    for (;;) {
      signal.throwIfAborted();
      this.#assertOpen();
      await member.conditions.until(() => this.#isClosed || this.#isPlaced, signal);
      this.#assertOpen();
      const { generation } = this.#shared;
      if (generation === null) continue;
      const isCurrent = (): boolean => this.#shared.generation === generation && this.#isPlaced;
      try {
        await generation.stream.caughtUp({ signal });
      } catch (error) {
        signal.throwIfAborted();
        this.#assertOpen();
        // It was closed to be read again; there it is asked again.
        if (this.#shared.generation !== generation) continue;
        throw error;
      }
      const target = generation.window.next;
      await member.conditions.until(
        () => this.#isClosed || !isCurrent() || member.handedTo >= target,
        signal,
      );
      if (isCurrent() && member.handedTo >= target) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#forgetAbort();
      this.#member.conditions.check();
    }
    await this.#shared.leave(this.#member);
  }

  get #isPlaced(): boolean {
    return this.#shared.generation !== null && this.#member.cursor !== null;
  }

  /** What `caughtUp` meets when there is nothing more to wait for. */
  #assertOpen(): void {
    const { error } = this.#member;
    if (error !== null) throw error.reason;
    if (this.#isClosed) throw new PipelineStateError('The stream is closed.');
  }

  async #next(): Promise<ChangeBatch<Row> | null> {
    this.#member.isAsking = true;
    try {
      return await this.#take();
    } finally {
      this.#member.isAsking = false;
    }
  }

  async #take(): Promise<ChangeBatch<Row> | null> {
    const member = this.#member;
    if (member.cursor !== null) member.handedTo = member.cursor;
    member.conditions.check();
    for (;;) {
      if (this.#isClosed) return null;
      if (member.error !== null) throw member.error.reason;
      this.#signal.throwIfAborted();
      const { generation } = this.#shared;
      if (generation === null || member.cursor === null) {
        await this.#wait(this.#shared.catchUp(member));
        continue;
      }
      const batch = generation.window.at(member.cursor);
      if (batch === null) {
        if (generation.isOver) return null;
        await this.#news();
        continue;
      }
      const { sharing, checkpoint } = generation;
      const wasSkipping = member.isSkipping;
      const given = this.#takeFrom(batch, { sharing, checkpoint });
      this.#shared.taken();
      if (wasSkipping) this.#shared.passed();
      if (given !== null) return given;
      member.handedTo = member.cursor;
      member.conditions.check();
    }
  }

  /** What cannot be told apart any more ends this consumer's stream for good. */
  #takeFrom(
    batch: ChangeBatch<Row>,
    stream: Pick<Generation<Row>, 'checkpoint' | 'sharing'>,
  ): ChangeBatch<Row> | null {
    try {
      return this.#member.take(batch, stream, this.#now());
    } catch (error) {
      this.#member.fail(error);
      throw error;
    }
  }

  /** Waits until there is something to take, or a reason not to wait. */
  async #news(): Promise<void> {
    const member = this.#member;
    member.isWaiting = true;
    this.#shared.kick();
    try {
      await this.#wait(
        member.conditions.until(() => {
          const { generation } = this.#shared;
          if (this.#isClosed || generation === null || member.cursor === null) return true;
          return generation.isOver || generation.window.at(member.cursor) !== null;
        }),
      );
    } finally {
      member.isWaiting = false;
    }
  }

  /** Closing while one waits is no error. */
  async #wait(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!this.#isClosed) throw this.#member.error?.reason ?? error;
    }
  }
}

function notHandedOver(end: Position): PipelineStateError {
  return new PipelineStateError(`The position ${end} was not handed over by this stream.`);
}
