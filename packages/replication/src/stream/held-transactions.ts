import { GapError, SourceProtocolError } from '@certyo-cdc/core';
import { formatLsn, type Lsn } from '../protocol/lsn.ts';
import type { RelationState } from './change-reader.ts';
import type { Spool, SpoolFolder } from './spool.ts';

/** A transaction that came before its commit, and waits for it in the spool. */
export interface HeldTransaction {
  readonly xid: number;
  readonly spool: Spool;
  /** Its messages carry the id of their subtransaction. */
  readonly hasXids: boolean;
  /** Subtransactions that were rolled back. */
  readonly undone: Set<number>;
  /** Of the relations that it describes, where it came in one piece: how they were described before it. */
  readonly before: Map<number, RelationState>;
  /** Where its PREPARE stands, once it is prepared. */
  prepareLsn: Lsn | null;
}

/** The transactions whose commit has not come yet. */
export class HeldTransactions {
  readonly #folder: SpoolFolder | null;
  readonly #beganAt: Lsn;
  readonly #inProgress = new Map<number, HeldTransaction>();
  readonly #prepared = new Map<number, HeldTransaction>();

  /**
   * @param folder Null where none was asked for: the server then never sends one.
   * @param beganAt Where reading began.
   */
  constructor(folder: SpoolFolder | null, beganAt: Lsn) {
    this.#folder = folder;
    this.#beganAt = beganAt;
  }

  /** The transaction of a piece that begins. */
  stream(xid: number, isFirst: boolean): HeldTransaction {
    const known = this.#inProgress.get(xid);
    if (isFirst !== (known === undefined)) {
      throw new SourceProtocolError('A piece of a streamed transaction came out of order.');
    }
    if (known !== undefined) return known;
    const transaction = this.#hold(xid, true, null);
    this.#inProgress.set(xid, transaction);
    return transaction;
  }

  /** A prepared transaction begins that comes in one piece. */
  beginPrepare(xid: number, prepareLsn: Lsn): HeldTransaction {
    const transaction = this.#hold(xid, false, prepareLsn);
    this.#prepared.set(xid, transaction);
    return transaction;
  }

  /** A transaction that came in one piece is prepared. */
  async prepared(xid: number): Promise<void> {
    await this.#known(this.#prepared, xid).spool.rest();
  }

  /** A transaction that was streamed is prepared. */
  async streamPrepared(xid: number, prepareLsn: Lsn): Promise<void> {
    const transaction = this.#known(this.#inProgress, xid);
    this.#inProgress.delete(xid);
    transaction.prepareLsn = prepareLsn;
    this.#prepared.set(xid, transaction);
    await transaction.spool.rest();
  }

  /** A transaction, or a part of it, was rolled back. What was never streamed is not known here. */
  async abort(xid: number, subxid: number): Promise<void> {
    const transaction = this.#inProgress.get(xid);
    if (transaction === undefined) return;
    if (subxid === xid) {
      this.#inProgress.delete(xid);
      await transaction.spool.drop();
    } else transaction.undone.add(subxid);
  }

  async rollbackPrepared(xid: number): Promise<void> {
    const transaction = this.#prepared.get(xid);
    this.#prepared.delete(xid);
    await transaction?.spool.drop();
  }

  /** The streamed transaction that is committed. It stays until it is `released`. */
  committed(xid: number): HeldTransaction {
    return this.#known(this.#inProgress, xid);
  }

  /** The prepared transaction that is committed, or null when it is not known. It stays until it is `released`. */
  committedPrepared(xid: number): HeldTransaction | null {
    return this.#prepared.get(xid) ?? null;
  }

  async release(transaction: HeldTransaction): Promise<void> {
    const map = transaction.prepareLsn === null ? this.#inProgress : this.#prepared;
    map.delete(transaction.xid);
    await transaction.spool.drop();
  }

  /**
   * From where reading shows all that is needed to go on behind `end`. A server that has been told of a PREPARE does not
   * send its transaction again, so the position that it is told stays before the oldest that is open.
   * What was prepared before the slot had two_phase comes whole at its COMMIT PREPARED, whatever the server was told.
   */
  readFrom(end: Lsn): Lsn {
    let from = end;
    for (const { prepareLsn } of this.#prepared.values()) {
      if (prepareLsn === null || prepareLsn < this.#beganAt) continue;
      if (prepareLsn < from) from = prepareLsn;
    }
    return from;
  }

  /** Reading begins again before the oldest of them: all come again, with the descriptions of their tables. */
  async beginSession(): Promise<void> {
    const all = [...this.#inProgress.values(), ...this.#prepared.values()];
    for (const transaction of all) await this.release(transaction);
  }

  async close(): Promise<void> {
    this.#inProgress.clear();
    this.#prepared.clear();
    await this.#folder?.close();
  }

  #hold(xid: number, hasXids: boolean, prepareLsn: Lsn | null): HeldTransaction {
    if (this.#folder === null) {
      throw new SourceProtocolError(
        'A transaction came before its commit, which was not asked for.',
      );
    }
    return {
      xid,
      spool: this.#folder.create(),
      hasXids,
      undone: new Set(),
      before: new Map(),
      prepareLsn,
    };
  }

  #known(among: ReadonlyMap<number, HeldTransaction>, xid: number): HeldTransaction {
    const transaction = among.get(xid);
    if (transaction !== undefined) return transaction;
    throw new SourceProtocolError('A transaction ends that was never streamed.');
  }
}

/** Of a transaction whose PREPARE lies before the place where the slot began to be read, the server sends only the end. */
export function preparedBefore(commitLsn: Lsn): GapError {
  return new GapError(
    'GAP_SLOT_AHEAD',
    `The prepared transaction that is committed at ${formatLsn(commitLsn)} was prepared before the slot's beginning: the server does not send its changes.`,
    { remedy: 'Copy the tables that it changed again.' },
  );
}
