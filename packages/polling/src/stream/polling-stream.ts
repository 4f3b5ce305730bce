import {
  CdcError,
  type ChangeBatch,
  type Checkpoint,
  type JsonValue,
  PipelineStateError,
  type Position,
  type SourceEvent,
  type SourceLag,
} from '@certyo-cdc/core';
import { batchIterator, sleep, SYSTEM_TIME } from '@certyo-cdc/core/internal';
import {
  type HintedStream,
  type LeaseKeeper,
  reconnectDelayMs,
  type RowHint,
  type SqlSession,
  type TypeRegistry,
} from '@certyo-cdc/postgres';
import type { CaughtUpTarget, TablePage, TableReader } from '../cursor/table-reader.ts';
import type { PollingSettings } from '../settings.ts';
import type { PageHeader } from '../table/header-sql.ts';
import { Ends, type TableStates } from './ends.ts';
import { identityToJson, type PollingIdentity } from './identity.ts';
import { Pace } from './pace.ts';
import { Waker } from './waker.ts';

/** One table with what the stream needs of it besides its reader. */
export interface PolledTable {
  readonly reader: TableReader;
  /** What its newest page told of the snapshot; null before the first, and where the horizon does not matter. */
  header(): PageHeader | null;
  /** Removes what is acknowledged with this state. */
  prune(state: JsonValue, options: { readonly signal: AbortSignal }): Promise<void>;
}

export interface PollingStreamParts {
  readonly settings: PollingSettings;
  readonly identity: PollingIdentity;
  readonly epoch: number;
  readonly after: string | null;
  readonly tables: readonly PolledTable[];
  readonly types: TypeRegistry;
  readonly session: SqlSession;
  readonly lease: LeaseKeeper | null;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SourceEvent) => void;
  readonly asError: (error: unknown) => Error;
  /** Checks that the server is still the one that it was; after every loss of the connection. */
  readonly verify: (options: { readonly signal: AbortSignal }) => Promise<void>;
  /** Looks after what is not polling itself, between two rounds: triggers, the horizon. */
  readonly betweenRounds: (options: { readonly signal: AbortSignal }) => Promise<void>;
  /** State besides that of the tables. */
  readonly extraState: () => Readonly<Record<string, JsonValue>>;
  readonly onClose: () => Promise<void>;
}

/** While somebody waits in `caughtUp`. */
const URGENT_MS = 10;
/** Between two removals of what is acknowledged. */
const PRUNE_INTERVAL_MS = 1_000;

interface Waiter {
  readonly target: CaughtUpTarget;
  readonly settle: (error: unknown) => void;
}

/** The rows of all tables as they are found, one page per table in turn. */
export class PollingStream implements HintedStream {
  readonly #parts: PollingStreamParts;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  readonly #ends: Ends;
  readonly #pace: Pace;
  readonly #waker = new Waker();
  readonly #waiters = new Set<Waiter>();
  /** Tables that are still to be looked at in this round. */
  #round: PolledTable[];
  #roundFound = false;
  #tick = 0;
  /** Somebody has called, and what was there at the look after it is not all handed over. */
  #urgency: { readonly above: bigint | null; readonly pace: Pace } | null = null;
  #attempts = 0;
  #isDown = false;
  #failure: unknown = null;
  #acknowledged: TableStates | null = null;
  #prunedAtMs = 0;
  #running: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | null = null;

  constructor(parts: PollingStreamParts) {
    this.#parts = parts;
    this.#signal = AbortSignal.any([parts.signal, this.#closing.signal]);
    this.#ends = new Ends(parts.after);
    this.#pace = new Pace(parts.settings.intervalMs);
    this.#round = [...parts.tables];
  }

  [Symbol.asyncIterator](): AsyncIterator<ChangeBatch> {
    const next = async (): Promise<ChangeBatch | null> => {
      const running = this.#next();
      this.#running = running.catch(() => undefined);
      return await running;
    };
    return batchIterator(next, this);
  }

  checkpoint(end: Position): Checkpoint {
    const { epoch, extraState, identity, types } = this.#parts;
    return {
      kind: 'polling',
      identity: identityToJson(identity),
      position: end,
      epoch,
      state: { ...extraState(), types: types.toJSON(), tables: this.#ends.statesAt(end) },
    };
  }

  async acknowledge(end: Position): Promise<void> {
    this.#acknowledged = this.#ends.statesAt(end);
    this.#ends.acknowledged(end);
    await Promise.resolve();
  }

  lag(): Promise<SourceLag> {
    const { oldestMs } = this.#ends;
    const ms = oldestMs === null ? null : Math.max(0, Date.now() - oldestMs);
    return Promise.resolve({ bytes: null, ms });
  }

  /** Resolves when what was committed before has been handed over; fails with the stream. */
  async caughtUp({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    if (this.#failure !== null) throw this.#failure;
    const above = await this.#newestTransaction(signal);
    this.#tick += 1;
    const target = { above, tick: this.#tick };
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => waiter.settle(signal.reason);
      const waiter: Waiter = {
        target,
        settle: (error) => {
          signal.removeEventListener('abort', abort);
          this.#waiters.delete(waiter);
          if (error === null) resolve();
          else reject(error as Error);
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
      else if (this.#failure !== null) waiter.settle(this.#failure);
      this.#waker.call();
    });
  }

  /** Waits out a lost connection, as the stream itself does. */
  async #newestTransaction(signal: AbortSignal): Promise<bigint> {
    for (let attempt = 0; ; attempt++) {
      try {
        const { rows } = await this.#parts.session.query<{ readonly above: string }>(
          'SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text AS above',
          [],
          { signal },
        );
        return BigInt(rows[0]?.above ?? 0);
      } catch (error) {
        signal.throwIfAborted();
        if (this.#failure !== null) throw this.#failure;
        const known = this.#parts.asError(error);
        if (!(CdcError.is(known) && known.retryable)) throw known;
        const delays = this.#parts.settings.reconnect;
        await sleep(SYSTEM_TIME, reconnectDelayMs(delays, attempt, Math.random()), signal);
      }
    }
  }

  nudge(): void {
    this.#waker.call();
  }

  /**
   * A hint has no place of its own here: only a read knows whether an older transaction, which is still running, will write
   * the row again. So it makes the stream look at once.
   */
  offer(_row: RowHint): boolean {
    this.#waker.call();
    return false;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort(new PipelineStateError('The stream is closed.'));
    this.#fail(this.#closing.signal.reason);
    await this.#running;
    await this.#parts.onClose();
  }

  async #next(): Promise<ChangeBatch | null> {
    for (;;) {
      if (this.#closing.signal.aborted) return null;
      try {
        this.#signal.throwIfAborted();
        if (this.#isDown) await this.#resume();
        // The consumer has come back: everything that was read before has been handed over.
        this.#settleWaiters();
        const table = this.#round.shift();
        if (table === undefined) await this.#endRound();
        else {
          const page = await table.reader.read({ signal: this.#signal, tick: this.#tick });
          const batch = this.#take(table, page);
          if (batch !== null) return batch;
        }
      } catch (error) {
        if (this.#closing.signal.aborted) return null;
        await this.#lost(error);
      }
    }
  }

  #take(table: PolledTable, page: TablePage): ChangeBatch | null {
    this.#attempts = 0;
    // It comes again when the others had their turn.
    if (page.hasMore) this.#round.push(table);
    if (page.events.length > 0) {
      this.#roundFound = true;
      this.#ends.saw(Date.now());
    }
    const isEnd = page.end !== null && page.isNews;
    if (page.events.length === 0 && !isEnd) return null;
    return {
      events: page.events,
      bytes: page.bytes,
      end: isEnd ? this.#ends.give(this.#states()) : null,
    };
  }

  #states(): TableStates {
    return Object.fromEntries(
      this.#parts.tables.map((table) => [table.reader.label, table.reader.state]),
    );
  }

  async #endRound(): Promise<void> {
    await this.#prune();
    await this.#parts.betweenRounds({ signal: this.#signal });
    this.#settleWaiters();
    const waitMs = this.#pace.after(this.#roundFound);
    this.#roundFound = false;
    const urgentMs = this.#waiters.size > 0 ? URGENT_MS : this.#urge();
    if (await this.#waker.pause(Math.min(urgentMs, waitMs), this.#signal)) {
      this.#urgency = { above: null, pace: this.#urgentPace() };
    }
    this.#round = [...this.#parts.tables];
  }

  /**
   * What a call is about may be committed while an older transaction still runs, so that it may not be handed over yet. Then
   * the next looks come soon, until everything that was there at the first look after the call is.
   */
  #urge(): number {
    const urgency = this.#urgency;
    if (urgency === null) return Infinity;
    const { tables } = this.#parts;
    const seen = tables.map((table) => table.header()?.above ?? 0n);
    const above = urgency.above ?? seen.reduce((most, one) => (one > most ? one : most), 0n);
    const target = { above, tick: 0 };
    this.#urgency = tables.every(({ reader }) => reader.covers(target))
      ? null
      : { ...urgency, above };
    return this.#urgency === null ? Infinity : urgency.pace.after(false);
  }

  #urgentPace(): Pace {
    const { max } = this.#parts.settings.intervalMs;
    return new Pace({ min: Math.min(URGENT_MS, max), max });
  }

  async #prune(): Promise<void> {
    const states = this.#acknowledged;
    if (states === null || Date.now() - this.#prunedAtMs < PRUNE_INTERVAL_MS) return;
    this.#acknowledged = null;
    this.#prunedAtMs = Date.now();
    for (const table of this.#parts.tables) {
      const state = states[table.reader.label];
      if (state !== undefined) await table.prune(state, { signal: this.#signal });
    }
  }

  #settleWaiters(): void {
    for (const waiter of this.#waiters) {
      const isCovered = this.#parts.tables.every(({ reader }) => reader.covers(waiter.target));
      if (isCovered) waiter.settle(null);
    }
  }

  async #resume(): Promise<void> {
    const options = { signal: this.#signal };
    await this.#parts.lease?.regain(options);
    await this.#parts.verify(options);
    for (const { reader } of this.#parts.tables) reader.reset();
    this.#round = [...this.#parts.tables];
    this.#isDown = false;
    this.#parts.onEvent({ type: 'source-reconnected', attempts: this.#attempts });
  }

  /** Takes note of a loss and waits before the next attempt. Throws what cannot be waited out. */
  async #lost(error: unknown): Promise<void> {
    const { asError, onEvent, settings, signal } = this.#parts;
    try {
      signal.throwIfAborted();
      const known = asError(error);
      if (!(CdcError.is(known) && known.retryable)) throw known;
      const retryInMs = reconnectDelayMs(settings.reconnect, this.#attempts, Math.random());
      this.#attempts += 1;
      this.#isDown = true;
      onEvent({ type: 'source-disconnected', error: known, retryInMs });
      await sleep(SYSTEM_TIME, retryInMs, this.#signal);
    } catch (fatal) {
      if (this.#closing.signal.aborted) return;
      this.#fail(fatal);
      throw fatal;
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const waiter of this.#waiters) waiter.settle(this.#failure);
  }
}
