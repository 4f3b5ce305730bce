import type { Checkpoint, Position } from '../checkpoint/checkpoint.ts';
import { CdcError } from '../errors/cdc-error.ts';
import { PipelineStateError } from '../errors/pipeline-state-error.ts';
import { GapError } from '../errors/source-error.ts';
import { openStream } from '../pipeline/open-stream.ts';
import { retryDelayMs } from '../pipeline/retry-policy.ts';
import { settleWithin } from '../pipeline/settle-within.ts';
import { sleep } from '../pipeline/time.ts';
import type { ChangeSource } from '../source/change-source.ts';
import type { SourceEvent } from '../source/source-event.ts';
import type { StreamSharing } from '../source/stream-sharing.ts';
import type { ConsumerLedger } from './consumer-ledger.ts';
import { Generation } from './generation.ts';
import { type ConsumerLag, isBeyond, lagBehind } from './laggards.ts';
import type { Member } from './member.ts';
import type { ShareSettings } from './share-options.ts';
import type { SharedCheckpoints } from './shared-checkpoints.ts';

const REOPEN = { initialDelayMs: 100, maxDelayMs: 10_000 } as const;
/** Between two looks at who lags and who stalls. */
const LOOK_EVERY_MS = 500;
/** Batches that are kept for those that start a moment later, at most. */
const MOST_KEPT = 1_000;
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
  readonly #members: Set<Member<Row>> = new Set();
  #generation: Generation<Row> | null = null;
  /** Of the newest generation, also while it is being replaced. */
  #compare: StreamSharing<Row>['compare'] | null = null;
  /** Opening, and reading again: one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #reading: Promise<void> | null = null;
  #settling: Promise<void> | null = null;
  #settledTo: Position | null = null;
  #closed: Promise<void> | null = null;
  #cancelLook: (() => void) | null = null;

  constructor(parts: SharedStreamParts<Row>) {
    this.#parts = parts;
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
    return this.#member(name) !== null;
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
    this.#settle().catch(() => {});
  }

  async acknowledge(member: Member<Row>, end: Position): Promise<void> {
    const { ledger } = this.#parts;
    const known = ledger.of(member.name);
    const compare = this.#compare;
    member.acknowledge(end, compare);
    if (compare === null || known === null || compare(end, known) > 0) {
      ledger.acknowledge(member.name, end);
      member.laggingSinceMs = null;
      this.#forget();
    }
    await this.#settle();
    this.kick();
  }

  lagOf(member: Member<Row>): ConsumerLag & { readonly committedAtMs: number | null } {
    const generation = this.#generation;
    if (generation === null) return { events: 0, bytes: 0, sinceMs: null, committedAtMs: null };
    const acknowledged = this.#standing(member.name, generation);
    const { oldest } = generation.marks.behind(acknowledged);
    const lag = lagBehind(generation.marks, acknowledged, member.laggingSinceMs);
    return { ...lag, committedAtMs: oldest?.committedAtMs ?? null };
  }

  /** The consumer is closed. What it has not acknowledged is kept for it; the stream ends with the last one. */
  async leave(member: Member<Row>): Promise<void> {
    if (!this.#members.has(member)) {
      await this.#closed;
      return;
    }
    // What was given to it out of turn is kept for it.
    const safe = this.#compare === null ? null : this.#safe(member.name, this.#compare);
    if (safe !== null) this.#parts.ledger.acknowledge(member.name, safe);
    this.#members.delete(member);
    if (this.#members.size === 0) await this.#close(null);
    else this.taken();
  }

  /** Ends the stream of all consumers with an error. */
  fail(reason: unknown): void {
    if (this.isOver) return;
    const members = [...this.#members];
    this.#members.clear();
    for (const member of members) member.fail(reason);
    this.#close(reason).catch(() => {});
  }

  #emit(event: SourceEvent): void {
    for (const member of this.#members) member.onEvent(event);
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
    const { signal } = this.#abort;
    const { name } = settings;
    const { stored, stream } = await openStream(
      source,
      { name, checkpoints: checkpoints.view(isFirst) },
      signal,
      (event) => {
        if (event.type.startsWith('source-')) this.#emit(event as SourceEvent);
      },
    );
    const generation = await Generation.of(stream);
    try {
      signal.throwIfAborted();
      // From now on it is known where everybody began, whoever acknowledges first.
      const { begin } = generation.sharing;
      if (stored === null) await checkpoints.save(generation.checkpoint(begin), {}, signal);
      this.#settledTo = begin;
      this.#compare = generation.sharing.compare;
      return generation;
    } catch (error) {
      await stream[Symbol.asyncDispose]();
      throw error;
    }
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
      if (after !== null) await this.#admit(after, generation);
      if (from !== null) this.#assertKept(name, from, generation);
      if (!this.#members.has(member)) return;
      if (generation.holds(after?.position ?? generation.sharing.begin)) break;
      generation = await this.#readAgain(name);
    }
    const { begin } = generation.sharing;
    ledger.attach(name);
    member.lastTakenAtMs = settings.time.now();
    if (after === null) {
      member.place(begin, generation.checkpoint, { cursor: 0, begin });
      return;
    }
    const known = ledger.of(name);
    if (known === null || generation.sharing.compare(after.position, known) > 0) {
      ledger.acknowledge(name, after.position);
    }
    member.place(after.position, () => after, { cursor: generation.window.first, begin });
  }

  async #admit(checkpoint: Checkpoint, { sharing }: Generation<Row>): Promise<void> {
    await sharing.admit(checkpoint, { signal: this.#abort.signal });
  }

  /** Refuses a position behind which something was acknowledged that is not in memory any more. */
  #assertKept(name: string, from: Position, generation: Generation<Row>): void {
    const { begin, compare } = generation.sharing;
    const kept = generation.holds(from) ? begin : (this.#settledTo ?? begin);
    if (compare(from, kept) < 0) throw detached(name, from, kept);
  }

  /** Opens the stream again at the position that all have acknowledged, for a consumer that needs what was dropped. */
  async #readAgain(name: string): Promise<Generation<Row>> {
    const { time } = this.#parts.settings;
    const before = this.#generation;
    const placed = [...this.#members].filter((member) => member.hasPlace);
    if (before !== null) {
      this.#emit({
        type: 'source-waiting',
        reason: `The stream is read again from an earlier position for consumer ${JSON.stringify(name)}.`,
      });
      for (const member of placed) {
        member.laggingSinceMs = this.lagOf(member).sinceMs;
        member.cursor = null;
      }
      await this.#settle();
      this.#generation = null;
      await this.#settling;
      await before.stream[Symbol.asyncDispose]();
      await this.#reading;
    }
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
        this.#emit({ type: 'source-disconnected', error, retryInMs });
        await sleep(time, retryInMs, this.#abort.signal);
      }
    }
  }

  /** Puts those that were reading where they were; what the server no longer holds for one of them is its own gap. */
  async #seekAll(members: readonly Member<Row>[], generation: Generation<Row>): Promise<void> {
    try {
      for (const member of members) {
        const { end } = member;
        const checkpoint = end === null ? null : member.checkpoint(end);
        if (checkpoint === null || !this.#members.has(member)) continue;
        try {
          await this.#admit(checkpoint, generation);
          this.#assertKept(member.name, checkpoint.position, generation);
          member.seek({ cursor: 0, begin: generation.sharing.begin });
        } catch (error) {
          if (!isGap(error)) throw error;
          this.#members.delete(member);
          member.fail(error);
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
    const { window } = generation;
    const members = [...this.#members].filter((member) => member.cursor !== null);
    if (!members.some((member) => member.isWaiting && member.cursor === window.next)) return false;
    if (this.#isPaused(generation)) return false;
    return window.bytes < this.#parts.settings.maxBufferBytes || this.#makeRoom(generation);
  }

  /** Goes on without those that take nothing, the furthest behind first. */
  #makeRoom(generation: Generation<Row>): boolean {
    const { maxBufferBytes, stallMs, time } = this.#parts.settings;
    const { window } = generation;
    if (stallMs === false) return false;
    const nowMs = time.now();
    const behind = [...this.#members]
      .filter((member) => member.cursor !== null && member.cursor < window.next)
      .toSorted((a, b) => (a.cursor ?? 0) - (b.cursor ?? 0));
    for (const member of behind) {
      if (member.isAsking || nowMs - member.lastTakenAtMs < stallMs) return false;
      member.cursor = null;
      this.#drop(generation);
      if (window.bytes < maxBufferBytes) return true;
    }
    return window.bytes < maxBufferBytes;
  }

  #drop({ window }: Generation<Row>): void {
    let lowest = window.next;
    for (const { cursor } of this.#members) {
      if (cursor !== null && cursor < lowest) lowest = cursor;
    }
    // What nobody has taken for want of room is kept for those that start a moment later.
    const isSmall =
      window.bytes <= this.#parts.settings.maxBufferBytes / 2 && window.size <= MOST_KEPT;
    if (window.isWhole && isSmall && this.#awaitsOthers()) return;
    window.dropTo(lowest);
  }

  /** True while declared consumers have not been here. */
  #awaitsOthers(): boolean {
    return this.#parts.ledger.names.some((name) => !this.has(name));
  }

  /** What a consumer has acknowledged, at least where the stream began. */
  #standing(name: string, { sharing }: Generation<Row>): Position {
    return this.#parts.ledger.of(name) ?? sharing.begin;
  }

  /** How far the source may be told that a consumer is safe. */
  #safe(name: string, compare: StreamSharing<Row>['compare']): Position | null {
    const acknowledged = this.#parts.ledger.of(name);
    const member = this.#member(name);
    return member === null ? acknowledged : member.standing(acknowledged, compare);
  }

  #member(name: string): Member<Row> | null {
    for (const member of this.#members) if (member.name === name) return member;
    return null;
  }

  #laggards(generation: Generation<Row>): readonly string[] {
    const { ledger, settings } = this.#parts;
    const { compare } = generation.sharing;
    const furthest = ledger.furthest(compare);
    const nowMs = settings.time.now();
    return ledger.names.filter((name) => {
      if (ledger.detachedAt(name) !== null || furthest === null) return false;
      const at = this.#standing(name, generation);
      if (compare(at, furthest) >= 0) return false;
      const sinceMs = this.#member(name)?.laggingSinceMs ?? null;
      return isBeyond(lagBehind(generation.marks, at, sinceMs), settings, nowMs);
    });
  }

  #isPaused(generation: Generation<Row>): boolean {
    if (this.#parts.settings.onLaggard !== 'pause') return false;
    return this.#laggards(generation).some((name) => this.has(name));
  }

  /** Detaches those that lag beyond their limits, where that is the rule. */
  #judge(generation: Generation<Row>): void {
    const { ledger, settings } = this.#parts;
    if (settings.onLaggard !== 'detach') return;
    for (const name of this.#laggards(generation)) {
      const at = this.#standing(name, generation);
      ledger.detach(name, at);
      const error = new GapError(
        'GAP_CONSUMER_DETACHED',
        `Consumer ${JSON.stringify(name)} was detached at ${at}: it lagged beyond its limit.`,
      );
      const member = this.#member(name);
      if (member !== null) this.#members.delete(member);
      member?.fail(error);
      this.#emit({ type: 'source-warned', code: 'consumer-detached', message: error.message });
    }
    this.#drop(generation);
    this.#settle().catch(() => {});
  }

  /** Ends that no open consumer will ask for are forgotten, also while one that is not started holds everything back. */
  #forget(): void {
    const generation = this.#generation;
    if (generation === null) return;
    const { compare } = generation.sharing;
    let lowest: Position | null = null;
    for (const member of this.#members) {
      if (!member.hasPlace) return;
      const end = this.#safe(member.name, compare) ?? generation.sharing.begin;
      if (lowest === null || compare(end, lowest) < 0) lowest = end;
    }
    if (lowest !== null) generation.forget(lowest);
  }

  /** Saves what all have acknowledged, then acknowledges it: never the other way round (I1). One at a time. */
  async #settle(): Promise<void> {
    while (this.#acknowledgeable() !== null) {
      this.#settling ??= this.#settleOne().finally(() => {
        this.#settling = null;
      });
      await this.#settling;
    }
  }

  async #settleOne(): Promise<void> {
    const { checkpoints, ledger } = this.#parts;
    const generation = this.#generation;
    const end = this.#acknowledgeable();
    if (generation === null || end === null) return;
    try {
      await checkpoints.save(generation.checkpoint(end), ledger.detached, this.#abort.signal);
      await generation.stream.acknowledge(end);
      this.#settledTo = end;
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  #acknowledgeable(): Position | null {
    const generation = this.#generation;
    if (generation === null || this.#abort.signal.aborted) return null;
    const { compare } = generation.sharing;
    const lowest = this.#parts.ledger.lowest(compare, (name) => this.#safe(name, compare));
    const end = lowest === null ? null : generation.endUpTo(lowest);
    if (end === null || (this.#settledTo !== null && compare(end, this.#settledTo) <= 0))
      return null;
    return end;
  }

  #moved(): void {
    for (const member of this.#members) member.conditions.check();
    this.kick();
  }

  #look(): void {
    const { settings } = this.#parts;
    const everyMs = Math.min(
      LOOK_EVERY_MS,
      settings.stallMs === false ? LOOK_EVERY_MS : Math.max(settings.stallMs / 4, 5),
      settings.maxLagMs === false ? LOOK_EVERY_MS : Math.max(settings.maxLagMs / 4, 5),
    );
    this.#cancelLook = settings.time.setTimeout(() => {
      if (this.isOver) return;
      const generation = this.#generation;
      if (generation !== null) this.#judge(generation);
      this.kick();
      this.#look();
    }, everyMs);
  }

  #close(reason: unknown): Promise<void> {
    this.#closed ??= this.#release(reason);
    return this.#closed;
  }

  async #release(reason: unknown): Promise<void> {
    const { time } = this.#parts.settings;
    this.#cancelLook?.();
    if (reason === null && this.#generation !== null) {
      await settleWithin([this.#settle()], CLOSE_GRACE_MS, time);
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

function isGap(error: unknown): boolean {
  return CdcError.is(error) && error.code.startsWith('GAP_');
}

function detached(name: string, at: Position, begin: Position): GapError {
  return new GapError(
    'GAP_CONSUMER_DETACHED',
    `Consumer ${JSON.stringify(name)} stands at ${at}, but the shared source was acknowledged up to ${begin}.`,
    {
      remedy:
        'What lies between was given up: it was detached, or not among `consumers` for a while. Declare it under a new name and copy its tables again.',
    },
  );
}
