import type { Checkpoint, Position } from '../checkpoint/checkpoint.ts';
import { CdcError } from '../errors/cdc-error.ts';
import { PipelineStateError } from '../errors/pipeline-state-error.ts';
import { retryDelayMs } from '../pipeline/retry-policy.ts';
import { settleWithin } from '../pipeline/settle-within.ts';
import { sleep } from '../pipeline/time.ts';
import type { ChangeSource } from '../source/change-source.ts';
import type { StreamSharing } from '../source/stream-sharing.ts';
import type { ConsumerLedger } from './consumer-ledger.ts';
import type { Generation } from './generation.ts';
import { type ConsumerLag, laggards, lagOfMember, NO_LAG } from './laggards.ts';
import type { Member } from './member.ts';
import { Members } from './members.ts';
import { openGeneration } from './open-generation.ts';
import { dropTaken, makeRoom, passHad } from './room.ts';
import { Settlement } from './settlement.ts';
import { detached, givenUp, isGap, placeOf } from './share-gaps.ts';
import type { ShareSettings } from './share-options.ts';
import type { SharedCheckpoints } from './shared-checkpoints.ts';

const REOPEN = { initialDelayMs: 100, maxDelayMs: 10_000 } as const;
/** Between two looks at who lags and who stalls. */
const LOOK_EVERY_MS = 500;
/** How long closing waits for the last acknowledgement. */
const CLOSE_GRACE_MS = 3_000;

export interface SharedStreamParts<Row extends object> {
  readonly source: ChangeSource<Row>;
  readonly settings: ShareSettings;
  readonly ledger: ConsumerLedger;
  readonly checkpoints: SharedCheckpoints;
  readonly onClosed: () => Promise<void>;
}

/**
 * The source's stream from the first consumer's opening to the last one's closing, read once for all.
 *
 * It is always opened at the position that all declared consumers have acknowledged. Whoever needs something that is not
 * in memory any more (a consumer that starts late or again, or that took nothing for long) has it read again from there;
 * the others are not given what they have.
 */
export class SharedStream<Row extends object> {
  readonly #parts: SharedStreamParts<Row>;
  readonly #abort: AbortController = new AbortController();
  readonly #members: Members<Row>;
  readonly #settlement: Settlement<Row>;
  #generation: Generation<Row> | null = null;
  /** Of the newest generation, also while it is being replaced. */
  #compare: StreamSharing<Row>['compare'] | null = null;
  /** Opening, and reading again: one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #reading: Promise<void> | null = null;
  #closed: Promise<void> | null = null;
  #cancelLook: (() => void) | null = null;

  constructor(parts: SharedStreamParts<Row>) {
    const { checkpoints, ledger } = parts;
    this.#parts = parts;
    this.#members = new Members(ledger);
    this.#settlement = new Settlement({
      checkpoints,
      ledger,
      members: this.#members,
      signal: this.#abort.signal,
      generation: () => this.#generation,
      fail: (reason) => this.fail(reason),
    });
  }

  get isOver(): boolean {
    return this.#closed !== null;
  }

  /** Resolves when nothing is left of it. Only when it is over. */
  get closed(): Promise<void> {
    return this.#closed ?? Promise.resolve();
  }

  get generation(): Generation<Row> | null {
    return this.#generation;
  }

  has(name: string): boolean {
    return this.#members.named(name) !== null;
  }

  /** Opens the stream where that is needed, and gives the consumer its place behind its checkpoint. */
  async join(member: Member<Row>, after: Checkpoint | null): Promise<void> {
    this.#members.add(member);
    await this.#inTurn(async () => {
      if (!this.#members.has(member)) return;
      const generation = this.#generation ?? (await this.#begin());
      await this.#place(member, after, generation);
    });
    this.#moved();
  }

  /** Reads the stream again for a consumer whose next batch is not in memory. */
  async catchUp(member: Member<Row>): Promise<void> {
    await this.#inTurn(async () => {
      if (member.cursor === null && this.#members.has(member)) await this.#readAgain(member.name);
    });
    this.#moved();
  }

  /** Somebody took, waits, has acknowledged or has gone: reading may go on. */
  kick(): void {
    const generation = this.#generation;
    if (this.#reading !== null || generation === null || this.isOver) return;
    if (generation.isOver || !this.#wantsMore(generation)) return;
    this.#reading = this.#read(generation).then(() => {
      this.#reading = null;
      this.#moved();
    });
  }

  /** A consumer has taken a batch: what all have taken is dropped. */
  taken(): void {
    const generation = this.#generation;
    if (generation !== null) this.#drop(generation);
    this.kick();
  }

  /** A consumer has passed a part of the stream that was read again. */
  passed(): void {
    this.#settlement.poke();
  }

  /** Resolves when the source was told, where that is possible now. */
  async acknowledge(member: Member<Row>, end: Position): Promise<void> {
    const { ledger } = this.#parts;
    const known = ledger.of(member.name);
    member.acknowledge(end, this.#compare);
    if (this.#compare === null || known === null || this.#compare(end, known) > 0) {
      ledger.acknowledge(member.name, end);
      member.laggingSinceMs = null;
      // Also while one that is not started holds everything back.
      this.#generation?.forget((generation) =>
        this.#settlement.oldestOf(this.#members.oldestUse(generation), generation.sharing),
      );
    }
    await this.#settlement.run();
    this.kick();
  }

  lagOf(member: Member<Row>): ConsumerLag {
    const generation = this.#generation;
    return generation === null ? NO_LAG : lagOfMember(member, this.#members, generation);
  }

  /** The consumer is closed. What it has not acknowledged is kept for it; the stream ends with the last one. */
  async leave(member: Member<Row>): Promise<void> {
    if (this.#members.has(member)) {
      // What was given to it out of turn is kept for it.
      const compare = this.#compare;
      const safe = compare === null ? null : this.#members.safe(member.name, compare);
      if (compare !== null) this.#parts.ledger.acknowledge(member.name, safe);
      this.#members.delete(member);
      if (this.#members.isEmpty) this.#close(null);
      else this.taken();
    }
    if (this.isOver) await this.#closed;
  }

  /** Ends the stream of all consumers with an error. */
  fail(reason: unknown): void {
    if (this.isOver) return;
    // A map may lose entries while one goes through it.
    for (const member of this.#members) {
      this.#members.delete(member);
      member.fail(reason);
    }
    this.#close(reason);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(() => {
      this.#abort.signal.throwIfAborted();
      return work();
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Opens the stream for the first consumer. */
  async #begin(): Promise<Generation<Row>> {
    const generation = await this.#open(true);
    this.#parts.ledger.begin(this.#parts.checkpoints.detached);
    this.#generation = generation;
    this.#look();
    return generation;
  }

  async #open(isFirst: boolean): Promise<Generation<Row>> {
    const { checkpoints, settings, source } = this.#parts;
    const generation = await openGeneration({
      source,
      name: settings.name,
      checkpoints,
      isFirst,
      signal: this.#abort.signal,
      onEvent: (event) => this.#members.emit(event),
    });
    this.#settlement.begin(generation);
    this.#compare = generation.sharing.compare;
    return generation;
  }

  async #place(
    member: Member<Row>,
    after: Checkpoint | null,
    first: Generation<Row>,
  ): Promise<void> {
    const { ledger, settings } = this.#parts;
    const { name } = member;
    const from = after?.position ?? ledger.detachedAt(name);
    let generation = first;
    for (;;) {
      const { fromBegin, own } = placeOf(after, generation.sharing);
      if (own !== null) await generation.sharing.admit(own, { signal: this.#abort.signal });
      if (from !== null && own === after) this.#assertKept(name, from, generation);
      if (!this.#members.has(member)) return;
      if (generation.holds(fromBegin ? null : (own?.position ?? null))) break;
      generation = await this.#readAgain(name);
    }
    const { fromBegin, own } = placeOf(after, generation.sharing);
    const { begin } = generation.sharing;
    ledger.attach(name);
    member.lastTakenAtMs = settings.time.now();
    const cursor = fromBegin ? 0 : generation.window.first;
    if (own === null) {
      member.place(begin, generation.checkpoint, { cursor, begin, fromBegin, isFurther: false });
      return;
    }
    ledger.raise(name, own.position, generation.sharing.compare);
    member.place(own.position, () => own, { cursor, begin, fromBegin, isFurther: true });
  }

  /** Refuses a position behind which something was given up, were it in memory still: after a crash it would not be. */
  #assertKept(name: string, from: Position, { sharing }: Generation<Row>): void {
    const kept = this.#settlement.position ?? sharing.begin;
    if (sharing.compare(from, kept) < 0) throw givenUp(name, from, kept);
  }

  /** Opens the stream again at the position that all have acknowledged, for a consumer that needs what was dropped. */
  async #readAgain(name: string): Promise<Generation<Row>> {
    const members = this.#members;
    const { placed } = members;
    await this.#closeGeneration(name, placed);
    for (let failures = 1; ; failures += 1) {
      try {
        const generation = await this.#open(false);
        await this.#seekAll(placed, generation);
        this.#generation = generation;
        return generation;
      } catch (error) {
        this.#abort.signal.throwIfAborted();
        if (!CdcError.is(error) || !error.retryable) {
          this.fail(error);
          throw error;
        }
        const retryInMs = retryDelayMs(failures, undefined, REOPEN, Math.random()) + 1;
        members.emit({ type: 'source-disconnected', error, retryInMs });
        await sleep(this.#parts.settings.time, retryInMs, this.#abort.signal);
      }
    }
  }

  async #closeGeneration(name: string, placed: readonly Member<Row>[]): Promise<void> {
    const generation = this.#generation;
    if (generation === null) return;
    const reason = `The stream is read again from an earlier position for consumer ${JSON.stringify(name)}.`;
    this.#members.emit({ type: 'source-waiting', reason });
    for (const member of placed) {
      member.laggingSinceMs = this.lagOf(member).sinceMs;
      member.cursor = null;
    }
    await this.#settlement.run();
    this.#generation = null;
    await generation.stream[Symbol.asyncDispose]();
    await this.#reading;
  }

  /** Puts those that were reading where they were; what the server no longer holds for one of them is its own gap. */
  async #seekAll(placed: readonly Member<Row>[], generation: Generation<Row>): Promise<void> {
    const { begin } = generation.sharing;
    try {
      for (const member of placed) {
        const { end } = member;
        const checkpoint = end === null ? null : member.checkpoint(end);
        if (checkpoint === null || !this.#members.has(member)) continue;
        try {
          await generation.sharing.admit(checkpoint, { signal: this.#abort.signal });
          this.#assertKept(member.name, checkpoint.position, generation);
          member.seek({ cursor: 0, begin });
          member.lastTakenAtMs = this.#parts.settings.time.now();
        } catch (error) {
          if (!isGap(error)) throw error;
          this.#dismiss(member, error);
        }
      }
    } catch (error) {
      await generation.stream[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #read(generation: Generation<Row>): Promise<void> {
    try {
      if (!(await generation.read(() => this.#parts.settings.time.now()))) generation.isOver = true;
      if (this.#generation === generation) this.#judge(generation);
    } catch (error) {
      if (this.#generation === generation) this.fail(error);
    }
  }

  #wantsMore(generation: Generation<Row>): boolean {
    const { ledger, settings } = this.#parts;
    const { window } = generation;
    const members = [...this.#members];
    if (!members.some(({ cursor, isWaiting }) => isWaiting && cursor === window.next)) return false;
    if (settings.onLaggard === 'pause') {
      const late = laggards(generation, ledger, this.#members, settings);
      if (late.some((name) => this.has(name))) return false;
    }
    return window.bytes < settings.maxBufferBytes || makeRoom(window, this.#members, settings);
  }

  #drop({ window }: Generation<Row>): void {
    dropTaken(window, this.#members, this.#parts.settings);
  }

  /** Detaches those that lag beyond their limits, where that is the rule. */
  #judge(generation: Generation<Row>): void {
    const { ledger, settings } = this.#parts;
    if (settings.onLaggard !== 'detach') return;
    const late = laggards(generation, ledger, this.#members, settings);
    for (const name of late) {
      const at = this.#members.standing(name, generation);
      const error = detached(name, at);
      ledger.detach(name, at);
      this.#dismiss(this.#members.named(name), error);
      this.#members.emit({
        type: 'source-warned',
        code: 'consumer-detached',
        message: error.message,
      });
    }
    if (late.length === 0) return;
    this.#drop(generation);
    this.#settlement.poke();
  }

  /** Ends the stream of one consumer with an error of its own. */
  #dismiss(member: Member<Row> | null, error: unknown): void {
    if (member === null) return;
    this.#members.delete(member);
    member.fail(error);
    if (this.#members.isEmpty) this.#close(null);
  }

  #moved(): void {
    const generation = this.#generation;
    if (generation !== null && passHad(generation, this.#members)) this.#settlement.poke();
    for (const member of this.#members) member.conditions.check();
    this.kick();
  }

  #look(): void {
    const { maxLagMs, stallMs, time } = this.#parts.settings;
    const shortestMs = Math.min(stallMs || Infinity, maxLagMs || Infinity);
    const everyMs = Math.min(LOOK_EVERY_MS, Math.max(shortestMs / 4, 5));
    this.#cancelLook = time.setTimeout(() => {
      if (this.isOver) return;
      if (this.#generation !== null) this.#judge(this.#generation);
      this.kick();
      this.#look();
    }, everyMs);
  }

  #close(reason: unknown): void {
    if (this.#closed !== null) return;
    this.#closed = this.#release(reason); // Whoever leaves is told; there may be nobody.
    this.#closed.catch(() => {});
  }

  async #release(reason: unknown): Promise<void> {
    this.#cancelLook?.();
    if (reason === null && this.#generation !== null) {
      await settleWithin([this.#settlement.run()], CLOSE_GRACE_MS, this.#parts.settings.time);
    }
    this.#abort.abort(reason ?? new PipelineStateError('The stream is closed.'));
    await this.#turn;
    const generation = this.#generation;
    this.#generation = null;
    await generation?.stream[Symbol.asyncDispose]();
    await this.#reading;
    await this.#parts.onClosed();
  }
}
