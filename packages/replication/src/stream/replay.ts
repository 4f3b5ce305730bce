import { type ChangeEvent, SourceProtocolError } from '@certyo-cdc/core';
import { wholeFrameLength } from '../protocol/frame-buffer.ts';
import type { Lsn } from '../protocol/lsn.ts';
import * as pgoutput from '../protocol/pgoutput.ts';
import { MESSAGE, readLogicalMessage } from '../protocol/pgoutput-transactions.ts';
import type { ChangeReader, RelationState } from './change-reader.ts';
import type { HeldTransaction } from './held-transactions.ts';
import type { OpenTransaction } from './open-transaction.ts';

/** In a frame: behind its header and that of XLogData, which holds the position after one byte. */
const TYPE_AT = 5 + 25;
const LSN_BEFORE_TYPE = 24;

/** Reads a transaction back from the spool once its commit has come, piece by piece. */
export class Replay {
  readonly held: HeldTransaction;
  readonly transaction: OpenTransaction;
  /** The position to acknowledge. */
  readonly endLsn: Lsn;
  readonly #changes: ChangeReader;
  #offset = 0;
  /** How relations were described in the stream behind this transaction, where they were. */
  #later: RelationState[] = [];

  constructor(
    held: HeldTransaction,
    transaction: OpenTransaction,
    endLsn: Lsn,
    changes: ChangeReader,
  ) {
    this.held = held;
    this.transaction = transaction;
    this.endLsn = endLsn;
    this.#changes = changes;
  }

  get isAtEnd(): boolean {
    return this.#offset >= this.held.spool.bytes;
  }

  /**
   * Reads the next piece into `events`. After an error it goes on at the message that failed.
   *
   * @returns Bytes of the piece.
   */
  async next(events: ChangeEvent[]): Promise<number> {
    if (this.#offset === 0) this.#goBack();
    const bytes = await this.held.spool.read(this.#offset);
    let pos = 0;
    try {
      while (pos < bytes.length) {
        const end = pos + wholeFrameLength(bytes, pos);
        const pending = this.#read(bytes, pos + TYPE_AT, end, events);
        if (pending !== undefined) await pending;
        pos = end;
      }
    } finally {
      this.#offset += pos;
    }
    if (this.isAtEnd) for (const state of this.#later) this.#changes.restore(state);
    return bytes.length;
  }

  /** Its first rows may stand before its own descriptions, of which the newest is known by now, or a later one. */
  #goBack(): void {
    this.#later = [];
    for (const before of this.held.before.values()) {
      const now = this.#changes.state(before.oid);
      // Its own newest one holds until a row asks for it.
      if (now.relation !== undefined) this.#later.push(now);
      this.#changes.restore(before);
    }
  }

  /** Reads one message; a promise only where it takes more than its bytes. */
  #read(
    bytes: Buffer,
    typeAt: number,
    end: number,
    events: ChangeEvent[],
  ): Promise<void> | undefined {
    const kind = bytes[typeAt] ?? 0;
    // They carry no id of a subtransaction, or none that matters.
    if (kind === pgoutput.ORIGIN || kind === pgoutput.TYPE) return undefined;
    let at = typeAt;
    if (this.held.hasXids) {
      if (this.held.undone.has(bytes.readUInt32BE(typeAt + 1))) {
        if (kind !== pgoutput.RELATION) return undefined;
        this.#changes.undoneRelation(pgoutput.readRelation(bytes, typeAt + 4, end));
        return undefined;
      }
      // Behind the id of the subtransaction the message is as everywhere: its kind is moved up to the rest.
      at = typeAt + 4;
      bytes[at] = kind;
    }
    const lsnAt = typeAt - LSN_BEFORE_TYPE;
    if (kind === pgoutput.INSERT || kind === pgoutput.UPDATE || kind === pgoutput.DELETE) {
      if (this.#changes.row(bytes, at, end, lsnAt, this.transaction, events)) return undefined;
      return this.#changes.settledRow({ bytes, at, end, lsnAt }, this.transaction, events);
    }
    const where = { bytes, at, end, lsnAt };
    if (kind === pgoutput.RELATION) {
      const message = pgoutput.readRelation(bytes, at, end);
      return this.#changes.relation(message, this.transaction);
    }
    if (kind === pgoutput.TRUNCATE) {
      return this.#changes.truncate(where, this.transaction, events);
    }
    if (kind !== MESSAGE) {
      throw new SourceProtocolError(`pgoutput message of kind ${kind} within a transaction.`);
    }
    const message = readLogicalMessage(bytes, at, end);
    this.#changes.message(message, where, this.transaction, events);
    return undefined;
  }
}
