import { CdcError } from '../errors/cdc-error.ts';
import { RetriesExhaustedError } from '../errors/delivery-error.ts';
import { PipelineStateError } from '../errors/pipeline-state-error.ts';
import type { Verdict } from '../sink/sink.ts';
import type { EventOutcome } from '../windows/window-store.ts';
import { halve, siblingGroup, type Group } from './bisect.ts';
import type { BreakerState } from './circuit-breaker.ts';
import { itemsToConfirm } from './confirm.ts';
import { leaseGate, type GateLease, type Permit, type RequestOutcome } from './delivery-gate.ts';
import { LaneQueue } from './lane-queue.ts';
import { retryDelayMs } from './retry-policy.ts';
import { RetryQueue } from './retry-queue.ts';
import type { RunContext } from './run-context.ts';
import { outcomeOf, retryAfterOf } from './verdicts.ts';
import type { RejectionHandler, WorkItem } from './work-item.ts';

/** Failed tries of a group after which it is split, so that one record cannot hold the others. */
const SPLIT_AFTER = 3;

/** Requests that are kept ready while all others are under way. */
const AHEAD = 2;

/** Sends what is ready, one item per lane at a time, and acts on the verdicts. */
export class Dispatcher<Item, Row extends object> {
  readonly lanes: LaneQueue<Item> = new LaneQueue();
  readonly #context: RunContext<Item, Row>;
  readonly #rejections: RejectionHandler<Item>;
  readonly #lease: GateLease;
  readonly #unsubscribe: () => void;
  readonly #retries: RetryQueue<Item>;
  /** Halves of refused requests; sent before everything else. */
  #urgent: Group<WorkItem<Item>>[] = [];
  readonly #permits: Set<Permit> = new Set();
  #active = 0;
  #hurry = 0;
  #isStopped = false;
  #lingerIsOver = false;
  #cancelLinger: (() => void) | null = null;

  constructor(context: RunContext<Item, Row>, rejections: RejectionHandler<Item>) {
    const { options, sink } = context;
    this.#context = context;
    this.#rejections = rejections;
    this.#lease = leaseGate(sink.scope, {
      breaker: options.breaker,
      budget: options.retry.budget,
      time: options.time,
      random: options.random,
    });
    this.#unsubscribe = this.#lease.gate.subscribe({
      opened: () => this.pump(),
      breakerChanged: (to) => context.emit({ type: 'breaker-changed', to }),
    });
    this.#retries = new RetryQueue(options.time, () => this.pump());
  }

  get breaker(): BreakerState['type'] {
    return this.#lease.gate.breaker;
  }

  /** All that may be sent at once is under way, and as much again waits: reading on would only fill memory. */
  get isAhead(): boolean {
    const { batch, concurrency } = this.#context.options;
    const { readyBytes, readyItems } = this.lanes;
    return (
      this.#active >= concurrency &&
      (readyItems >= AHEAD * batch.maxItems || readyBytes >= AHEAD * batch.maxBytes)
    );
  }

  /** Counts an item as unfinished. Then it goes to its lane, or to be parked. */
  admit(item: WorkItem<Item>): void {
    this.#context.counters.inFlightItems += 1;
    if (item.table !== null) item.table.unfinished += 1;
  }

  /** Until the result is called nothing waits for company. */
  hurry(): () => void {
    this.#hurry += 1;
    this.pump();
    let isOver = false;
    return () => {
      if (!isOver) this.#hurry -= 1;
      isOver = true;
    };
  }

  /** Sends all that may be sent now. */
  pump(): void {
    while (!this.#isStopped && this.#active < this.#context.options.concurrency) {
      const next = this.#next();
      if (next === null) break;
      this.#active += 1;
      this.#permits.add(next.permit);
      this.#context.background(this.#send(next.group, next.permit));
    }
  }

  /** Nothing is sent any more, and answers that still come are ignored. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelLinger?.();
    this.#cancelLinger = null;
    this.#retries.stop();
    this.#unsubscribe();
    // Now, not when the sink answers: a probe that never comes back would hold up the other pipelines.
    for (const permit of this.#permits) this.#lease.gate.settle(permit, 'abandoned');
    this.#permits.clear();
    this.#lease.release();
  }

  /** The item has its final verdict, or is durably parked. */
  finish(item: WorkItem<Item>, outcome: EventOutcome): void {
    const { counters, tracker } = this.#context;
    item.counted?.count(outcome);
    counters.inFlightItems -= 1;
    if (item.table !== null) item.table.unfinished -= 1;
    if (item.entry !== null && tracker.finish(item.entry)) {
      counters.inFlightBytes -= item.entry.heldBytes;
    }
  }

  #next(): { group: Group<WorkItem<Item>>; permit: Permit } | null {
    const { gate } = this.#lease;
    // A probe with fresh items: were it always the record that fails, the others would never get their turn.
    if (gate.breaker !== 'closed') {
      return this.#nextFresh() ?? this.#nextUrgent() ?? this.#nextRetry();
    }
    return this.#nextUrgent() ?? this.#nextRetry() ?? this.#nextFresh();
  }

  #nextUrgent(): { group: Group<WorkItem<Item>>; permit: Permit } | null {
    if (this.#urgent.length === 0) return null;
    const permit = this.#lease.gate.acquire(false);
    if (permit === null) return null;
    const group = this.#urgent.pop();
    return group === undefined ? null : { group, permit };
  }

  #nextRetry(): { group: Group<WorkItem<Item>>; permit: Permit } | null {
    const due = this.#retries.peek(this.#context.options.time.now());
    if (due === null) return null;
    const permit = this.#lease.gate.acquire(due.isCharged);
    if (permit === null) return null;
    this.#retries.pop();
    return { group: due, permit };
  }

  #nextFresh(): { group: Group<WorkItem<Item>>; permit: Permit } | null {
    const { batch } = this.#context.options;
    if (this.lanes.readyItems === 0) return null;
    const isFull =
      this.lanes.readyItems >= batch.maxItems || this.lanes.readyBytes >= batch.maxBytes;
    if (!isFull && this.#hurry === 0 && batch.lingerMs !== false && !this.#lingerIsOver) {
      this.#linger(batch.lingerMs);
      return null;
    }
    const permit = this.#lease.gate.acquire(false);
    if (permit === null) return null;
    const items = this.lanes.take(batch.maxItems, batch.maxBytes);
    if (this.lanes.readyItems === 0) this.#lingerIsOver = false;
    return { group: { items, sibling: null }, permit };
  }

  #linger(lingerMs: number): void {
    this.#cancelLinger ??= this.#context.options.time.setTimeout(() => {
      this.#cancelLinger = null;
      this.#lingerIsOver = true;
      this.pump();
    }, lingerMs);
  }

  async #send(group: Group<WorkItem<Item>>, permit: Permit): Promise<void> {
    let outcome: RequestOutcome = 'abandoned';
    let retryAfterMs: number | undefined;
    try {
      const verdicts = await this.#ask(group.items);
      if (!this.#isStopped) {
        outcome = outcomeOf(verdicts);
        retryAfterMs = outcome === 'failed' ? retryAfterOf(verdicts) : undefined;
        this.#apply(group, verdicts, outcome === 'failed');
      }
    } finally {
      this.#active -= 1;
      if (this.#permits.delete(permit)) this.#lease.gate.settle(permit, outcome, retryAfterMs);
    }
    if (this.#isStopped) return;
    this.pump();
    this.#context.settled();
  }

  /** Confirms what has to be confirmed, then delivers the rest. One verdict per item. */
  async #ask(items: readonly WorkItem<Item>[]): Promise<readonly Verdict[]> {
    const { options, sink, signal } = this.#context;
    const windowMs = sink.idempotencyWindowMs;
    const doubtful =
      windowMs === undefined || sink.confirm === undefined
        ? []
        : itemsToConfirm(items, windowMs, options.time.now());
    if (doubtful.length === 0) return this.#deliver(items);
    const verdicts = new Map<WorkItem<Item>, Verdict>();
    try {
      const found = await sink.confirm?.(
        doubtful.map((item) => item.item),
        { signal },
      );
      this.#assertAnswered('confirm', doubtful.length, found?.length ?? 0);
      for (const [index, item] of doubtful.entries()) {
        const verdict = found?.[index] ?? null;
        if (verdict !== null) {
          verdicts.set(item, verdict);
          continue;
        }
        item.sentSinceMs = Infinity;
        item.inDoubt = false;
        item.firstAttempt = null;
      }
    } catch (error) {
      const retry = this.#asRetry(error);
      for (const item of doubtful) verdicts.set(item, retry);
    }
    const rest = items.filter((item) => !verdicts.has(item));
    const answers = rest.length === 0 ? [] : await this.#deliver(rest);
    for (const [index, item] of rest.entries()) {
      const verdict = answers[index];
      if (verdict !== undefined) verdicts.set(item, verdict);
    }
    return items.flatMap((item) => verdicts.get(item) ?? []);
  }

  async #deliver(items: readonly WorkItem<Item>[]): Promise<readonly Verdict[]> {
    const { counters, isObserved, options, sink, signal, emit } = this.#context;
    const startedAtMs = options.time.now();
    const first = { atMs: startedAtMs };
    const payload: Item[] = [];
    let attempt = 0;
    let bytes = 0;
    for (let index = 0; index < items.length; index += 1) {
      const item = items[index];
      if (item === undefined) break;
      if (item.attempts > 0) counters.retried += 1;
      item.attempts += 1;
      item.firstAttempt ??= first;
      if (item.attempts > attempt) attempt = item.attempts;
      bytes += item.bytes;
      payload.push(item.item);
    }
    counters.requests += 1;
    let verdicts: readonly Verdict[];
    try {
      verdicts = await sink.deliver(payload, { attempt, signal });
    } catch (error) {
      const retry = this.#asRetry(error);
      return items.map(() => retry);
    }
    this.#assertAnswered('deliver', items.length, verdicts.length);
    if (isObserved && verdicts.some((verdict) => verdict.type === 'delivered')) {
      const durationMs = options.time.now() - startedAtMs;
      emit({ type: 'batch-delivered', items: items.length, bytes, durationMs });
    }
    return verdicts;
  }

  /** A throw of something retryable means that the items may have arrived; anything else is a bug of the sink. */
  #asRetry(error: unknown): Verdict {
    if (!this.#context.signal.aborted && CdcError.is(error) && error.retryable) {
      return { type: 'retry', error, inDoubt: true };
    }
    throw error;
  }

  #assertAnswered(method: string, items: number, verdicts: number): void {
    if (items === verdicts) return;
    throw new PipelineStateError(
      `Sink "${this.#context.sink.name}" answered ${verdicts} verdicts to ${method}() of ${items} items.`,
      { remedy: 'It must answer one per item, in order: report it to the author of the sink.' },
    );
  }

  #apply(group: Group<WorkItem<Item>>, verdicts: readonly Verdict[], isCharged: boolean): void {
    const { counters, emit, isObserved } = this.#context;
    const again: WorkItem<Item>[] = [];
    const refused: WorkItem<Item>[] = [];
    let retry: Extract<Verdict, { type: 'retry' }> | null = null;
    let refusal: Error | null = null;
    let isAccepted = true;
    for (let index = 0; index < group.items.length; index += 1) {
      const item = group.items[index];
      const verdict = verdicts[index];
      // A verdict before it may have stopped the pipeline.
      if (item === undefined || verdict === undefined || this.#isStopped) return;
      switch (verdict.type) {
        case 'delivered':
          counters.delivered += 1;
          if (verdict.replayed === true) counters.replayed += 1;
          this.#done(item, 'delivered');
          break;
        case 'skipped':
          counters.skipped += 1;
          if (isObserved) {
            emit({ type: 'event-skipped', eventId: item.eventId, reason: verdict.reason });
          }
          this.#done(item, 'skipped');
          break;
        case 'retry':
          isAccepted = false;
          item.failures += 1;
          item.inDoubt ||= verdict.inDoubt;
          if (this.#isExhausted(item)) this.#exhausted(item, verdict.error);
          else if (verdict.alone === true) this.#retry([item], verdict, isCharged);
          else {
            again.push(item);
            if (retry === null || (verdict.retryAfterMs ?? 0) > (retry.retryAfterMs ?? 0)) {
              retry = verdict;
            }
          }
          break;
        case 'rejected':
          isAccepted = false;
          if (verdict.scope === 'batch' && group.items.length > 1) {
            refused.push(item);
            refusal = verdict.error;
          } else this.#rejections.rejected(item, verdict.error);
          break;
        case 'halt':
          this.#context.fail(verdict.error);
          return;
      }
    }
    if (this.#isStopped) return;
    if (retry !== null) this.#retryGroup(again, retry, isCharged);
    if (group.sibling !== null) this.#urgent.push(siblingGroup(group.sibling, isAccepted));
    if (refusal !== null) this.#bisect(refused, refusal);
  }

  #bisect(refused: readonly WorkItem<Item>[], error: Error): void {
    this.#context.emit({ type: 'batch-split', items: refused.length, error });
    this.#urgent.push(refused.length > 1 ? halve(refused) : { items: refused, sibling: null });
  }

  #retryGroup(
    items: readonly WorkItem<Item>[],
    verdict: Extract<Verdict, { type: 'retry' }>,
    isCharged: boolean,
  ): void {
    let failures = 0;
    for (const item of items) failures = Math.max(failures, item.failures);
    if (failures < SPLIT_AFTER || items.length === 1) {
      this.#retry(items, verdict, isCharged);
      return;
    }
    const middle = Math.floor(items.length / 2);
    this.#retry(items.slice(0, middle), verdict, isCharged);
    this.#retry(items.slice(middle), verdict, isCharged);
  }

  #retry(
    items: readonly WorkItem<Item>[],
    verdict: Extract<Verdict, { type: 'retry' }>,
    isCharged: boolean,
  ): void {
    const { emit, options } = this.#context;
    let failures = 0;
    for (const item of items) failures = Math.max(failures, item.failures);
    const delayMs = retryDelayMs(failures, verdict.retryAfterMs, options.retry, options.random());
    this.#retries.push({
      items,
      sibling: null,
      dueAtMs: options.time.now() + delayMs,
      isCharged,
    });
    const { error, inDoubt } = verdict;
    emit({
      type: 'delivery-retried',
      items: items.length,
      attempt: failures + 1,
      delayMs,
      inDoubt,
      error,
    });
  }

  #isExhausted(item: WorkItem<Item>): boolean {
    const { maxAttempts } = this.#context.options.retry;
    return maxAttempts !== false && item.failures >= maxAttempts;
  }

  #exhausted(item: WorkItem<Item>, cause: Error): void {
    const message = `Event ${item.eventId} failed ${item.failures} times.`;
    this.#rejections.rejected(item, new RetriesExhaustedError(message, { cause }));
  }

  #done(item: WorkItem<Item>, outcome: EventOutcome): void {
    this.lanes.finish(item);
    this.finish(item, outcome);
    item.onRedriven?.('delivered');
  }
}
