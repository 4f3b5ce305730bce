import {
  type ChangeBatch,
  type ChangeEvent,
  type ChangeStream,
  type Checkpoint,
  GapError,
  PipelineStateError,
  type Position,
  type SlotHealth,
  type SourceEvent,
  type SourceLag,
  type StreamSharing,
} from '@certyo-cdc/core';
import { batchIterator } from '@certyo-cdc/core/internal';
import { knownRelationsToJson, type TypeRegistry } from '@certyo-cdc/postgres';
import type { Caretaker } from '../care/caretaker.ts';
import { gapFingerprint, type PassedGap, withWaysOut } from '../care/recovery.ts';
import type { SlotHolder } from '../care/slot-holder.ts';
import type { PublicationWatch } from '../setup/publication-watch.ts';
import type { Lsn } from '../protocol/lsn.ts';
import { identityToJson, type ReplicationIdentity } from '../setup/identity.ts';
import type { KnownRelations } from './known-relation.ts';
import { IdleProgress } from './idle-progress.ts';
import type { ReplicationSession } from './replication-session.ts';
import type { SessionKeeper } from './session-keeper.ts';
import { type Admission, replicationSharing } from './sharing.ts';
import type { SideConnection } from './side-connection.ts';
import { lsnFromPosition, positionFromLsn } from './source-position.ts';
import type { Decoded } from './decoded.ts';
import type { StreamDecoder } from './stream-decoder.ts';
import { Unacknowledged } from './unacknowledged.ts';
import { idleSenderAt, walFlushedTo } from './wal-end.ts';

export interface ReplicationStreamParts {
  readonly identity: (timeline: number) => ReplicationIdentity;
  readonly slot: string;
  readonly decoder: StreamDecoder;
  readonly types: TypeRegistry;
  readonly publication: PublicationWatch;
  readonly keeper: SessionKeeper;
  readonly side: SideConnection;
  readonly caretaker: Caretaker;
  readonly holder: SlotHolder | null;
  /** What comes before everything that is read. */
  readonly opening: ChangeBatch | null;
  /** True when a checkpoint is stored. */
  readonly hasCheckpoint: boolean;
  /** The newest gap that was gone on behind. */
  readonly passedGap: PassedGap | null;
  readonly admission: Omit<Admission, 'query' | 'epochs' | 'identity'>;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SourceEvent) => void;
}

/** Between two looks at the publication. */
const PUBLICATION_CHECK_MS = 5_000;

/** How long `caughtUp` waits for the end of the log before it asks whether the server has more to send at all. */
const IDLE_SENDER_AFTER_MS = 250;

/** Changes of one slot, in commit order, across reconnects. */
export class ReplicationStream implements ChangeStream {
  readonly sharing: StreamSharing;
  readonly #parts: ReplicationStreamParts;
  readonly #unacknowledged = new Unacknowledged();
  readonly #idle: IdleProgress;
  /** Everything up to here was given by `next` calls that the consumer has come back from. */
  #handedOver: Lsn;
  #hasAcknowledged = false;
  #yieldedTo: Lsn;
  /** The tables as known at `#yieldedTo`. */
  #yieldedKnown: KnownRelations;
  /** From where reading goes on behind `#yieldedTo`. */
  #yieldedFrom: Lsn;
  /** What came behind the newest end in the same piece of the stream. */
  #behindEnd: ChangeBatch | null = null;
  /** What is left of a piece of the stream behind a transaction that is being replayed. */
  #undecoded: { readonly session: ReplicationSession; readonly bytes: Buffer } | null = null;
  /** Whether what comes before everything that is read is still to be given, or the consumer has it and has not come back. */
  #opening: 'due' | 'given' | 'over';
  /** Changes were handed over since the newest end. */
  #isBehindEnd = false;
  readonly #publicationTimer: NodeJS.Timeout;
  #failure: unknown = null;
  #closed: Promise<void> | null = null;
  #waiters = new Set<() => void>();

  constructor(parts: ReplicationStreamParts) {
    this.#parts = parts;
    const { readTo } = parts.decoder;
    this.#handedOver = readTo;
    this.#yieldedTo = readTo;
    this.#yieldedKnown = parts.decoder.known;
    this.#idle = new IdleProgress(readTo, Date.now());
    this.#yieldedFrom = parts.keeper.readFrom;
    this.#behindEnd = parts.opening;
    this.#opening = parts.opening === null ? 'over' : 'due';
    this.#unacknowledged.yielded(readTo, parts.decoder.known, parts.keeper.readFrom);
    this.sharing = replicationSharing(
      positionFromLsn(readTo),
      {
        ...parts.admission,
        identity: parts.identity,
        query: parts.side.rows,
        epochs: () => parts.keeper.epochs,
      },
      (end) => this.#unacknowledged.forget(lsnFromPosition(end)),
    );
    this.#publicationTimer = setInterval(() => this.#checkPublication(), PUBLICATION_CHECK_MS);
    parts.caretaker.start(() => this.#unacknowledged.oldestMs);
    parts.signal.addEventListener('abort', this.#onAbort);
    if (parts.signal.aborted) this.#onAbort();
  }

  readonly #onAbort = (): void => this.#parts.keeper.abort();

  [Symbol.asyncIterator](): AsyncIterator<ChangeBatch> {
    return batchIterator(() => this.#next(), this);
  }

  checkpoint(end: Position): Checkpoint {
    const lsn = lsnFromPosition(end);
    const at = this.#unacknowledged.at(lsn);
    if (at === null) {
      throw new PipelineStateError(`The position ${end} was not handed over by this stream.`);
    }
    // Those of the position: the server may have moved to another timeline since.
    const { timeline, epoch } = this.#parts.keeper.epochs.ofEnd(lsn);
    const { passedGap: passed } = this.#parts;
    return {
      kind: 'replication',
      identity: identityToJson(this.#parts.identity(timeline)),
      position: end,
      epoch,
      state: {
        types: this.#parts.types.toJSON(),
        relations: knownRelationsToJson(at.known),
        publication: this.#parts.publication.toJSON(),
        ...(passed === null ? {} : { passedGap: { ...passed } }),
        ...(at.readFrom < lsn ? { readFrom: positionFromLsn(at.readFrom) } : {}),
      },
    };
  }

  async acknowledge(end: Position): Promise<void> {
    const lsn = lsnFromPosition(end);
    const { keeper } = this.#parts;
    const at = this.#unacknowledged.at(lsn);
    if (at === null) {
      throw new PipelineStateError(`The position ${end} was not handed over by this stream.`);
    }
    this.#hasAcknowledged = true;
    // Behind a gap the server is told of the position where reading began only when that is saved (I1).
    if (lsn < keeper.acknowledged) return;
    if (lsn === keeper.acknowledged && at.readFrom <= keeper.told) return;
    keeper.acknowledged = lsn;
    if (at.readFrom > keeper.told) keeper.told = at.readFrom;
    this.#unacknowledged.acknowledged(lsn);
    keeper.current?.report();
    await Promise.resolve();
  }

  async lag(): Promise<SourceLag> {
    const end = await walFlushedTo(this.#parts.side.rows);
    const bytes = end - this.#parts.keeper.acknowledged;
    const oldest = this.#unacknowledged.oldestMs;
    return {
      bytes: bytes > 0n ? Number(bytes) : 0,
      ms: oldest === null ? null : Math.max(0, Date.now() - oldest),
    };
  }

  slotHealth(): SlotHealth | null {
    return this.#parts.caretaker.health;
  }

  /** Resolves when what was committed before has been handed over; fails with the stream. */
  async caughtUp({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    await this.reached(await walFlushedTo(this.#parts.side.rows, { settle: true, signal }), {
      signal,
    });
  }

  /** Resolves when everything up to a position has been handed over; fails with the stream. */
  async reached(target: Lsn, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    // The server says how far it is only now and then, so it is asked while we wait.
    const asking = setInterval(() => this.#parts.keeper.current?.report(true), 20);
    try {
      let askAtMs = Date.now() + IDLE_SENDER_AFTER_MS;
      while (this.#handedOver < target) {
        if (this.#failure !== null) throw this.#failure;
        await this.#movement(signal);
        if (this.#handedOver >= target || Date.now() < askAtMs) continue;
        const sent = await idleSenderAt(this.#parts.side.rows, this.#parts.slot);
        if (sent !== null && this.#handedOver >= sent) return;
        askAtMs = Date.now() + IDLE_SENDER_AFTER_MS;
      }
    } finally {
      clearInterval(asking);
    }
  }

  /**
   * The end at which the stream stands while nothing is under way: everything before it has been handed over, nothing
   * behind it has. Null within a transaction, and while the consumer has not come back from what it was given.
   */
  stand(): Position | null {
    const isOpening = this.#opening !== 'over';
    const isUnderWay = this.#isBehindEnd || this.#yieldedTo !== this.#handedOver;
    if (this.#failure !== null || isOpening || isUnderWay) return null;
    this.#unacknowledged.yielded(this.#handedOver, this.#yieldedKnown, this.#yieldedFrom);
    return positionFromLsn(this.#handedOver);
  }

  /** The tables as the stream has described them. */
  get known(): KnownRelations {
    return this.#parts.decoder.known;
  }

  /** The epoch of everything up to an end. */
  epochAt(end: Lsn): number {
    return this.#parts.keeper.epochs.ofEnd(end).epoch;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { keeper, side, signal } = this.#parts;
    signal.removeEventListener('abort', this.#onAbort);
    clearInterval(this.#publicationTimer);
    this.#failure ??= new PipelineStateError('The stream is closed.');
    await this.#parts.caretaker.close();
    // Before the slot is free: the next stream on it begins by clearing the folder.
    await this.#parts.decoder.close();
    await keeper.close();
    // Only now is the slot free for the next one.
    await this.#parts.holder?.release();
    await side.close();
    this.#moved();
  }

  async #next(): Promise<ChangeBatch | null> {
    const { decoder, keeper, signal } = this.#parts;
    this.#handedOver = this.#yieldedTo;
    this.#moved();
    const behindEnd = this.#behindEnd;
    this.#behindEnd = null;
    this.#opening = this.#opening === 'due' ? 'given' : 'over';
    if (behindEnd !== null && this.#closed === null && !signal.aborted) {
      this.#note(behindEnd.events);
      return behindEnd;
    }
    for (;;) {
      if (this.#closed !== null) return null;
      try {
        signal.throwIfAborted();
        const batch = decoder.isReplaying ? await this.#replay() : await this.#read();
        if (batch !== null) return batch;
      } catch (error) {
        if (this.#closed !== null) return null;
        try {
          await keeper.lost(error);
        } catch (fatal) {
          this.#failure = this.#explained(fatal);
          this.#moved();
          throw this.#failure;
        }
      }
    }
  }

  /** A gap says how to go on behind it, where there is something to go on from. */
  #explained(error: unknown): unknown {
    if (!(error instanceof GapError)) return error;
    const { admission, identity, keeper, passedGap, slot } = this.#parts;
    // Until the record of the gap that it goes on behind is saved, the checkpoint is the one before that.
    const passing = this.#hasAcknowledged ? null : (admission.recovery ?? null);
    if (passing !== null) return withWaysOut(error, passing.gap);
    if (!this.#parts.hasCheckpoint && !this.#hasAcknowledged) return error;
    const { epoch, timeline } = keeper.epochs.ofEnd(keeper.acknowledged);
    const saved = {
      identity: identityToJson(identity(timeline)),
      position: positionFromLsn(keeper.acknowledged),
      epoch,
      state: passedGap === null ? null : { passedGap: { ...passedGap } },
    };
    return withWaysOut(error, gapFingerprint(saved, slot));
  }

  /** Reads on from the server; null when there is nothing to hand over. */
  async #read(): Promise<ChangeBatch | null> {
    const { decoder, keeper } = this.#parts;
    const session = await keeper.session();
    const left = this.#undecoded;
    this.#undecoded = null;
    const bytes = left?.session === session ? left.bytes : await session.read();
    const decoded = await decoder.decode(bytes, Date.now());
    if (decoded.error === null) {
      const rest = bytes.subarray(decoded.consumed);
      // Behind a transaction that is to be replayed, whole frames may be left.
      if (decoder.isReplaying && rest.length > 0) this.#undecoded = { session, bytes: rest };
      else session.keep(rest);
      if (decoded.replyRequested) session.report();
    }
    return this.#take(decoded, bytes.length);
  }

  /** Reads on from the spool, whether the connection is there or not. */
  async #replay(): Promise<ChangeBatch | null> {
    this.#parts.keeper.assertSound();
    const decoded = await this.#parts.decoder.replay();
    return this.#take(decoded, decoded.consumed);
  }

  /** Makes a batch of what was decoded; null when there is nothing to hand over. */
  #take(decoded: Decoded, bytes: number): ChangeBatch | null {
    const { decoder, keeper } = this.#parts;
    // What was decoded before is good and is handed over first; the session is over.
    if (decoded.error !== null) keeper.fail(decoded.error);
    // A batch ends where its end is, so that a restart from it repeats nothing of the batch.
    const isSplit = decoded.committedTo !== null && decoded.committedEvents < decoded.events.length;
    const events = isSplit ? decoded.events.slice(0, decoded.committedEvents) : decoded.events;
    const rest: ChangeBatch | null = isSplit
      ? { events: decoded.events.slice(decoded.committedEvents), bytes, end: null }
      : null;
    // Before PostgreSQL 15 every transaction of the database comes, if only as BEGIN and COMMIT. An end for each would
    // have the checkpoint that is saved for it be the next one (I10): without changes it is idle progress.
    const hasChanges = events.length > 0 || this.#isBehindEnd;
    let end = hasChanges ? decoded.committedTo : null;
    if (decoded.committedTo !== null) {
      keeper.progressed();
      this.#yieldedTo = decoded.committedTo;
    }
    if (!decoder.isInTransaction && decoded.error === null) {
      end = this.#idle.at(decoder.readTo, end, Date.now());
      this.#yieldedTo = decoder.readTo;
    }
    this.#yieldedKnown = decoder.known;
    this.#yieldedFrom = decoder.readFrom(this.#yieldedTo);
    this.#isBehindEnd = rest !== null || (end === null && hasChanges);
    this.#note(events);
    if (end !== null) {
      keeper.progressed();
      this.#unacknowledged.yielded(end, decoder.known, decoder.readFrom(end));
    }
    if (events.length === 0 && end === null) {
      if (rest !== null) this.#note(rest.events);
      else {
        this.#handedOver = this.#yieldedTo;
        this.#moved();
      }
      return rest;
    }
    this.#behindEnd = rest;
    return {
      events,
      bytes: events.length === 0 ? 0 : bytes,
      end: end === null ? null : positionFromLsn(end),
    };
  }

  #note(events: readonly ChangeEvent[]): void {
    const committedAt = events[0]?.transaction?.committedAt ?? null;
    if (committedAt !== null) this.#unacknowledged.saw(Date.parse(committedAt));
  }

  /** A lost connection is noticed elsewhere, and the publication is checked again before it is replaced. */
  #checkPublication(): void {
    this.#parts.publication.check().catch((error: unknown) => {
      if (this.#closed === null && error instanceof GapError) this.#parts.keeper.fail(error);
    });
  }

  #moved(): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const wake of waiters) wake();
  }

  #movement(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const abort = (): void => {
        this.#waiters.delete(wake);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.add(wake);
      if (signal.aborted) abort();
    });
  }
}
