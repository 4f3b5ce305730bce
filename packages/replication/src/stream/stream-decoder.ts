import { type ChangeEvent, SourceProtocolError } from '@certyo-cdc/core';
import { wholeFrameLength } from '../protocol/frame-buffer.ts';
import type { Lsn } from '../protocol/lsn.ts';
import { endOfPiece } from '../protocol/piece.ts';
import * as pgoutput from '../protocol/pgoutput.ts';
import * as ends from '../protocol/pgoutput-transactions.ts';
import { asProtocolError, readOtherFrame, shutdownStorm } from '../protocol/other-frames.ts';
import type { Decoded } from './decoded.ts';
import {
  ChangeReader,
  type ChangeReaderOptions,
  inTransaction,
  type MessageAt,
} from './change-reader.ts';
import { type HeldTransaction, HeldTransactions, preparedBefore } from './held-transactions.ts';
import type { KnownRelations } from './known-relation.ts';
import { KeepaliveStorm } from './liveness.ts';
import { OpenTransaction } from './open-transaction.ts';
import { Replay } from './replay.ts';
import type { SpoolFolder } from './spool.ts';

export interface StreamDecoderOptions extends ChangeReaderOptions {
  /** The epoch of a transaction whose commit begins there. */
  readonly epochOf: (commitLsn: Lsn) => number;
  /** Everything up to here was delivered; reading may begin before it. */
  readonly position: Lsn;
  /** Where reading begins. @default position */
  readonly readFrom?: Lsn | undefined;
  /** Where transactions wait for their commit; null where none come before it. */
  readonly spool: SpoolFolder | null;
}

const COPY_DATA = 0x64;
const XLOG_DATA = 0x77;
const KEEPALIVE = 0x6b;
/** Lengths of whole frames: the least of one with a message of the plugin, and of a keepalive. */
const XLOG_DATA_BYTES = 5 + 25;
const KEEPALIVE_BYTES = 5 + 18;

/**
 * Turns the bytes of the copy stream into change events.
 *
 * Lives across reconnects. A transaction that was cut off is sent again from its beginning; the events of it that have
 * already been made are counted off and not made again. A transaction that comes before its commit waits in the spool,
 * as bytes, and is decoded when its commit has come: `isReplaying` then says that `replay` comes before `decode`.
 */
export class StreamDecoder {
  readonly #options: StreamDecoderOptions;
  readonly #changes: ChangeReader;
  readonly #held: HeldTransactions;
  /** The transaction whose piece is being taken into the spool. */
  #piece: HeldTransaction | null = null;
  #replay: Replay | null = null;
  #transaction: OpenTransaction | null = null;
  #interrupted: OpenTransaction | null = null;
  #readTo: Lsn;
  #committedTo: Lsn;
  /** What ended before this is only read for what follows from it. */
  #deliveredTo: Lsn;
  /** Where reading began, until it has come to `#deliveredTo`. */
  #from: Lsn;
  #storm = new KeepaliveStorm();

  constructor(options: StreamDecoderOptions) {
    this.#options = options;
    this.#changes = new ChangeReader(options);
    this.#held = new HeldTransactions(options.spool, options.readFrom ?? options.position);
    this.#readTo = options.position;
    this.#committedTo = options.position;
    this.#deliveredTo = options.position;
    this.#from = options.readFrom ?? options.position;
  }

  /** Everything up to here has been decoded. */
  get readTo(): Lsn {
    return this.#readTo;
  }

  /** End of the newest transaction that has been decoded to its end: where a new session begins. */
  get committedTo(): Lsn {
    return this.#committedTo;
  }

  /** The furthest position of which something has been handed over. */
  get reached(): Lsn {
    const open = this.#interrupted ?? this.#transaction;
    return open !== null && open.commitLsn > this.#readTo ? open.commitLsn : this.#readTo;
  }

  get isInTransaction(): boolean {
    return this.#transaction !== null || this.#piece !== null;
  }

  /** A transaction has to be read back from the spool before anything else is decoded. */
  get isReplaying(): boolean {
    return this.#replay !== null;
  }

  /** The tables as known at the end of the newest transaction. */
  get known(): KnownRelations {
    return this.#changes.known;
  }

  /** From where reading shows all that is needed to go on behind `end`, which has just been reached. */
  readFrom(end: Lsn): Lsn {
    const from = this.#held.readFrom(end);
    // What is read once more to be there again has not all come yet.
    const isBehind = this.#from < this.#deliveredTo;
    return isBehind && this.#from < from ? this.#from : from;
  }

  /**
   * Forgets what is only true of one session. Call it before each START_REPLICATION.
   *
   * @param end Everything before it was given, and what follows is to be given next.
   * @returns Where reading has to begin.
   */
  async beginSession(end: Lsn): Promise<Lsn> {
    this.#from = this.readFrom(end);
    this.#deliveredTo = end;
    this.#changes.beginSession();
    this.#storm = new KeepaliveStorm();
    const open = this.#transaction;
    // One that was delivered before is only read once more, and may not come again.
    const isNew = open !== null && !open.isDelivered;
    if (isNew && open.made > (this.#interrupted?.made ?? 0)) this.#interrupted = open;
    this.#transaction = null;
    this.#piece = null;
    await this.#held.beginSession();
    return this.#from;
  }

  /** Removes the spool. Idempotent. */
  async close(): Promise<void> {
    await this.#held.close();
  }

  /** Decodes the whole frames in `bytes`, which begin at a frame. */
  async decode(bytes: Buffer, nowMs: number): Promise<Decoded> {
    const events: ChangeEvent[] = [];
    let committedTo: Lsn | null = null;
    let committedEvents = 0;
    let replyRequested = false;
    let pos = 0;
    let error: unknown = null;
    this.#changes.beginPiece();
    try {
      while (this.#replay === null) {
        if (this.#piece !== null) pos = await this.#takePiece(this.#piece, bytes, pos);
        const length = wholeFrameLength(bytes, pos);
        if (length === 0) break;
        const body = pos + 5;
        const end = pos + length;
        if (bytes[pos] !== COPY_DATA) {
          readOtherFrame(bytes, pos, end);
        } else if (bytes[body] === XLOG_DATA && length > XLOG_DATA_BYTES) {
          // Byte1 'w', Int64 start, Int64 end, Int64 clock, then the plugin's message.
          const at = body + 25;
          const kind = bytes[at];
          if (kind === pgoutput.INSERT || kind === pgoutput.UPDATE || kind === pgoutput.DELETE) {
            const transaction = inTransaction(this.#transaction);
            if (!this.#changes.row(bytes, at, end, body + 1, transaction, events)) {
              const where = { bytes, at, end, lsnAt: body + 1 };
              await this.#changes.settledRow(where, transaction, events);
            }
          } else if (kind === pgoutput.BEGIN) {
            this.#readBegin(bytes, at, end);
          } else {
            const to =
              kind === pgoutput.COMMIT
                ? this.#readCommit(bytes, at, end)
                : await this.#readRare(bytes, at, end, events);
            if (to !== null) {
              committedTo = to;
              committedEvents = events.length;
            }
          }
        } else if (bytes[body] === KEEPALIVE && length === KEEPALIVE_BYTES) {
          const walEnd = bytes.readBigUInt64BE(body + 1);
          const asks = bytes[body + 17] === 1;
          replyRequested = replyRequested || asks;
          // Inside a transaction the server's position says nothing about what we hold.
          if (!this.isInTransaction) this.#reached(walEnd);
          // Answers to our own questions do not count, however many have waited to be read.
          if (asks && this.#storm.saw(walEnd, nowMs)) throw shutdownStorm();
        } else {
          throw new SourceProtocolError(
            `Copy message of kind ${String(bytes[body])} with ${length} bytes.`,
          );
        }
        pos = end;
      }
    } catch (reason) {
      error = asProtocolError(reason);
    }
    return { events, committedTo, committedEvents, consumed: pos, replyRequested, error };
  }

  /** Decodes the next piece of a transaction from the spool. A lost connection does not matter to it. */
  async replay(): Promise<Decoded> {
    const events: ChangeEvent[] = [];
    let committedTo: Lsn | null = null;
    let consumed = 0;
    let error: unknown = null;
    try {
      const replay = this.#replay;
      if (replay !== null) {
        if (!replay.isAtEnd) consumed = await replay.next(events);
        if (replay.isAtEnd) {
          await this.#held.release(replay.held);
          committedTo = this.#ended(replay.transaction, replay.endLsn);
          this.#replay = null;
        }
      }
    } catch (reason) {
      error = asProtocolError(reason);
    }
    return {
      events,
      committedTo,
      committedEvents: committedTo === null ? 0 : events.length,
      consumed,
      replyRequested: false,
      error,
    };
  }

  /** Takes the frames of a piece into the spool as they are; gives where the first other one begins. */
  async #takePiece(held: HeldTransaction, bytes: Buffer, from: number): Promise<number> {
    const stop = held.hasXids ? ends.STREAM_STOP : ends.PREPARE;
    const { end, isStopped } = endOfPiece(bytes, from, stop, (at, to) => {
      // Of a transaction that is prepared in one piece the server takes it as read, for whatever comes until the commit.
      if (held.hasXids || bytes[at] !== pgoutput.RELATION) return;
      const before = this.#changes.undoneRelation(pgoutput.readRelation(bytes, at, to));
      if (!held.before.has(before.oid)) held.before.set(before.oid, before);
    });
    if (end > from) await held.spool.append(bytes.subarray(from, end));
    if (isStopped) this.#piece = null;
    return end;
  }

  #readBegin(bytes: Buffer, at: number, end: number): void {
    if (this.#transaction !== null) {
      throw new SourceProtocolError('A transaction began inside another one.');
    }
    this.#transaction = this.#opened(pgoutput.readBegin(bytes, at, end));
  }

  /** A transaction whose commit is known; what was made of it before counts as made. */
  #opened(begin: pgoutput.BeginMessage): OpenTransaction {
    this.#changes.opened(begin.commitLsn);
    const open = new OpenTransaction(begin, {
      systemIdentifier: this.#options.source.systemIdentifier,
      epoch: this.#options.epochOf(begin.commitLsn),
    });
    if (begin.commitLsn < this.#deliveredTo) {
      open.alreadyMade = Number.POSITIVE_INFINITY;
      return open;
    }
    const interrupted = this.#interrupted;
    if (interrupted !== null) {
      if (interrupted.commitLsn !== open.commitLsn || interrupted.xid !== open.xid) {
        throw new SourceProtocolError('A transaction that was cut off has not been sent again.');
      }
      open.alreadyMade = interrupted.made;
    }
    return open;
  }

  #readCommit(bytes: Buffer, at: number, end: number): Lsn | null {
    const transaction = inTransaction(this.#transaction);
    const commit = pgoutput.readCommit(bytes, at, end);
    if (commit.commitLsn !== transaction.commitLsn) {
      throw new SourceProtocolError('A COMMIT does not belong to the BEGIN before it.');
    }
    return this.#ended(transaction, commit.endLsn);
  }

  /** Gives the end of a transaction; null when that was delivered before. */
  #ended(transaction: OpenTransaction, endLsn: Lsn): Lsn | null {
    if (!transaction.isDelivered) {
      if (transaction.made < transaction.alreadyMade) {
        throw new SourceProtocolError(
          'A transaction that was sent again has fewer changes than before.',
        );
      }
      this.#interrupted = null;
    }
    this.#transaction = null;
    this.#changes.committed();
    this.#reached(endLsn);
    if (transaction.isDelivered) return null;
    this.#committedTo = endLsn;
    return endLsn;
  }

  #reached(position: Lsn): void {
    if (position > this.#readTo) this.#readTo = position;
    if (position >= this.#deliveredTo) this.#from = this.#deliveredTo;
  }

  /** Gives the end of what it read where that is one. */
  async #readRare(
    bytes: Buffer,
    at: number,
    end: number,
    events: ChangeEvent[],
  ): Promise<Lsn | null> {
    const where = { bytes, at, end, lsnAt: at - 24 };
    const held = this.#held;
    switch (bytes[at]) {
      case pgoutput.RELATION: {
        const message = pgoutput.readRelation(bytes, at, end);
        await this.#changes.relation(message, this.#transaction);
        return null;
      }
      case pgoutput.TRUNCATE:
        await this.#changes.truncate(where, inTransaction(this.#transaction), events);
        return null;
      case ends.MESSAGE:
        return this.#readMessage(ends.readLogicalMessage(bytes, at, end), where, events);
      case ends.STREAM_START: {
        const { xid, isFirst } = ends.readStreamStart(bytes, at, end);
        this.#piece = held.stream(xid, isFirst);
        return null;
      }
      case ends.STREAM_ABORT: {
        const { xid, subxid } = ends.readStreamAbort(bytes, at, end);
        await held.abort(xid, subxid);
        return null;
      }
      case ends.STREAM_COMMIT: {
        const message = ends.readStreamCommit(bytes, at, end);
        this.#beginReplay(held.committed(message.xid), message);
        return null;
      }
      case ends.BEGIN_PREPARE: {
        const { xid, prepareLsn } = ends.readBeginPrepare(bytes, at, end);
        this.#piece = held.beginPrepare(xid, prepareLsn);
        return null;
      }
      case ends.PREPARE:
        await held.prepared(ends.readPrepare(bytes, at, end).xid);
        return null;
      case ends.STREAM_PREPARE: {
        const { xid, prepareLsn } = ends.readPrepare(bytes, at, end);
        await held.streamPrepared(xid, prepareLsn);
        return null;
      }
      case ends.COMMIT_PREPARED: {
        const message = ends.readCommitPrepared(bytes, at, end);
        const prepared = held.committedPrepared(message.xid);
        if (prepared !== null) this.#beginReplay(prepared, message);
        else if (message.commitLsn >= this.#deliveredTo) throw preparedBefore(message.commitLsn);
        return null;
      }
      case ends.ROLLBACK_PREPARED:
        await held.rollbackPrepared(ends.readRollbackPrepared(bytes, at, end).xid);
        return null;
      case pgoutput.TYPE:
      case pgoutput.ORIGIN:
      // Only in a piece of the spool have these a meaning of their own.
      case ends.STREAM_STOP:
        return null;
      default:
        throw new SourceProtocolError(`pgoutput message of kind ${String(bytes[at])}.`);
    }
  }

  /** A transaction that waits in the spool is committed: it is read back from there next. */
  #beginReplay(held: HeldTransaction, message: ends.CommittedMessage): void {
    if (this.#transaction !== null) {
      throw new SourceProtocolError('A transaction ended inside another one.');
    }
    const transaction = this.#opened(message);
    this.#transaction = transaction;
    this.#replay = new Replay(held, transaction, message.endLsn, this.#changes);
  }

  #readMessage(
    message: ends.LogicalMessageMessage,
    where: MessageAt,
    events: ChangeEvent[],
  ): Lsn | null {
    if (message.transactional) {
      this.#changes.message(message, where, inTransaction(this.#transaction), events);
      return null;
    }
    if (this.#transaction !== null) {
      throw new SourceProtocolError('A message without a transaction came inside of one.');
    }
    if (message.lsn <= this.#deliveredTo) return null;
    this.#reached(message.lsn);
    const event = this.#changes.loneMessage(message, this.#options.epochOf(message.lsn));
    if (event === null) return null;
    events.push(event);
    this.#committedTo = message.lsn;
    return message.lsn;
  }
}
