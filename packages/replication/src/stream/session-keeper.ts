import { CdcError, PipelineStateError, type SourceEvent } from '@certyo-cdc/core';
import { sleep, SYSTEM_TIME } from '@certyo-cdc/core/internal';
import { type ReconnectDelays, reconnectDelayMs } from '@certyo-cdc/postgres';
import type { Lsn } from '../protocol/lsn.ts';
import type { SlotHolder } from '../care/slot-holder.ts';
import type { ServerIdentity } from '../setup/server-identity.ts';
import { asStreamError } from '../setup/stream-error.ts';
import { Epochs } from './epochs.ts';
import {
  ReplicationSession,
  type ReportedPositions,
  type SessionOptions,
} from './replication-session.ts';
import type { SideConnection } from './side-connection.ts';

export interface SessionKeeperOptions {
  readonly session: SessionOptions;
  readonly delays: ReconnectDelays;
  readonly slotWaitMs: number | false;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SourceEvent) => void;
  readonly random: () => number;
  /** The right to read, where instances take turns by a lease; null where they do not. */
  readonly holder: () => Pick<SlotHolder, 'freeSlot' | 'hold'> | null;
  /** Another connection holds the slot, and is waited for. */
  readonly onBusy: () => void;
  /** Checked before each attempt to go on after a loss. */
  readonly beforeResume: () => Promise<void>;
}

/** What the keeper has to know of the stream to go on after a loss. */
export interface ReadProgress {
  /** Everything up to here was read. */
  readonly readTo: Lsn;
  /** The furthest position of which something was handed over. */
  readonly reached: Lsn;
  /** Where reading goes on: the end of the newest whole transaction. */
  readonly committedTo: Lsn;
  /** Forgets what was only true of the lost session; gives from where to read to go on behind `end`. */
  beginSession(end: Lsn): Promise<Lsn>;
}

/**
 * Keeps one session open: connects, waits while the slot is held by another connection, connects again after a loss,
 * and tells what can be waited out from what cannot.
 */
export class SessionKeeper {
  /** The newest acknowledged position. */
  acknowledged: Lsn = 0n;
  /**
   * The position that every status update reports as safe: the acknowledged one, or an earlier one from which on the server
   * has to keep its log.
   */
  told: Lsn = 0n;
  /** Where the first session reads from. */
  readFrom: Lsn = 0n;
  readonly #options: SessionKeeperOptions;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  #side: SideConnection | null = null;
  #progress: ReadProgress | null = null;
  #current: ReplicationSession | null = null;
  #server: ServerIdentity | null = null;
  #epochs: Epochs | null = null;
  #firstEpoch = 1;
  #failure: unknown = null;
  /** Where the session that is opened next reads from. */
  #resumeFrom: Lsn = 0n;
  #attempts = 0;
  #strikes = 0;

  constructor(options: SessionKeeperOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#closing.signal]);
  }

  get current(): ReplicationSession | null {
    return this.#current;
  }

  /** The epochs of the timelines read so far. Only after `first`. */
  get epochs(): Epochs {
    if (this.#epochs === null) throw new PipelineStateError('No session has been opened yet.');
    return this.#epochs;
  }

  /**
   * Opens the first session. Fails at once when the server cannot be reached; waits only for the slot.
   *
   * @returns Where the stream begins.
   */
  async first(
    side: SideConnection,
    after: {
      readonly server: ServerIdentity;
      readonly position: Lsn;
      /** Where reading begins to go on behind the position. */
      readonly readFrom: Lsn;
      /** False behind a gap: the slot stays where it is until something was acknowledged. */
      readonly isSaved: boolean;
    } | null,
    epoch: number,
  ): Promise<Lsn> {
    this.#side = side;
    this.#server = after?.server ?? null;
    this.#epochs = after === null ? null : new Epochs(after.server.timeline, epoch);
    this.#firstEpoch = epoch;
    const position = after?.position ?? null;
    const readFrom = after?.readFrom ?? null;
    const session = await this.#waitForSlot(() =>
      ReplicationSession.open(
        this.#options.session,
        {
          server: this.#server,
          after: readFrom,
          acknowledged: readFrom,
          reached: position,
          strikes: 0,
        },
        this.#positions,
        this.#signal,
      ),
    );
    this.#adopt(session);
    this.#signal.throwIfAborted();
    this.acknowledged = position ?? session.startedAt;
    this.readFrom = session.startedAt;
    this.told = after?.isSaved === false ? session.confirmedAt : session.startedAt;
    this.#options.onEvent({ type: 'source-connected', position: null });
    return this.acknowledged;
  }

  follow(progress: ReadProgress): void {
    this.#progress = progress;
  }

  /** The session to read from; connects where there is none. */
  async session(): Promise<ReplicationSession> {
    this.assertSound();
    if (this.#current !== null) return this.#current;
    this.#signal.throwIfAborted();
    this.#resumeFrom = (await this.#progress?.beginSession(this.#resumeAt())) ?? this.#resumeAt();
    const session = await this.#waitForSlot(() => this.#resume());
    this.#adopt(session);
    this.#signal.throwIfAborted();
    this.#options.onEvent({ type: 'source-reconnected', attempts: this.#attempts });
    return session;
  }

  /** Throws what the session ended with, once. */
  assertSound(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  /** The session is over because of `error`, which the next call of `session` throws. */
  fail(error: unknown): void {
    this.#failure = error;
    this.#current?.destroy();
    this.#current = null;
  }

  /** Something was read to its end: the next loss is a new one. */
  progressed(): void {
    this.#attempts = 0;
    this.#strikes = 0;
  }

  /** Takes note of a loss and waits before the next attempt. Throws what cannot be waited out. */
  async lost(error: unknown): Promise<void> {
    const session = this.#current;
    this.#current = null;
    if (session !== null) {
      if (session.diedOfSilence) this.#strikes += 1;
      session.destroy();
    }
    this.#options.signal.throwIfAborted();
    const known = asStreamError(error, this.#options.session);
    if (!(CdcError.is(known) && known.retryable)) throw known;
    const delay = reconnectDelayMs(this.#options.delays, this.#attempts, this.#options.random());
    this.#attempts += 1;
    this.#options.onEvent({ type: 'source-disconnected', error: known, retryInMs: delay });
    await sleep(SYSTEM_TIME, delay, this.#signal);
  }

  /** The server is about to go: leave, so that it can. */
  leave(): void {
    this.#current?.destroy(
      Object.assign(new Error('The server ended the connection beside the stream.'), {
        code: 'ECONNRESET',
      }),
    );
  }

  /** Ends a pending read with the reason of the caller's signal. */
  abort(): void {
    this.#current?.destroy(this.#options.signal.reason as Error);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const session = this.#current;
    this.#current = null;
    await session?.end();
  }

  readonly #positions = (): ReportedPositions => ({
    received: this.#progress?.readTo ?? this.acknowledged,
    acknowledged: this.told,
  });

  #resumeAt(): Lsn {
    const from = this.#progress?.committedTo ?? this.acknowledged;
    return from > this.acknowledged ? from : this.acknowledged;
  }

  async #resume(): Promise<ReplicationSession> {
    await this.#side?.watch();
    await this.#options.holder()?.hold();
    await this.#options.beforeResume();
    const progress = this.#progress;
    return ReplicationSession.open(
      this.#options.session,
      {
        server: this.#server,
        after: this.#resumeFrom,
        acknowledged: this.told,
        reached: progress?.reached ?? this.acknowledged,
        strikes: this.#strikes,
      },
      this.#positions,
      this.#signal,
    );
  }

  /** A session that is ready only after the end would stay open for ever. */
  #adopt(session: ReplicationSession): void {
    if (this.#signal.aborted) {
      session.destroy();
      return;
    }
    this.#current = session;
    this.#server = session.server;
    this.#epochs ??= new Epochs(session.server.timeline, this.#firstEpoch);
    this.#epochs.follow(session.server.timeline, session.history);
  }

  /** Whether a process of ours that had the slot was ended. Where nobody can tell, the slot is waited for. */
  async #freeSlot(): Promise<boolean> {
    try {
      return (await this.#options.holder()?.freeSlot()) ?? false;
    } catch {
      return false;
    }
  }

  /** Another connection holds the slot: a standby waits, and so does a restart until the server notices the last life's end. */
  async #waitForSlot<T>(open: () => Promise<T>): Promise<T> {
    const { slotWaitMs, onBusy, onEvent, session } = this.#options;
    const since = Date.now();
    for (let attempt = 0; ; attempt++) {
      try {
        return await open();
      } catch (error) {
        this.#signal.throwIfAborted();
        const known = asStreamError(error, session);
        const isBusy = CdcError.is(known) && known.code === 'SOURCE_BUSY';
        const isOver = slotWaitMs !== false && Date.now() - since >= slotWaitMs;
        if (!isBusy) throw known;
        if (await this.#freeSlot()) continue;
        if (isOver) throw known;
        if (attempt === 0) {
          onBusy();
          onEvent({ type: 'source-waiting', reason: known.message });
        }
        await sleep(SYSTEM_TIME, Math.min(1_000, 50 * 2 ** Math.min(attempt, 5)), this.#signal);
      }
    }
  }
}
