import { SourceProtocolError, type TransactionInfo } from '@certyo-cdc/core';
import { formatLsn, sortableLsn } from '../protocol/lsn.ts';
import { isoFromPgTime } from '../protocol/pg-time.ts';
import type { BeginMessage } from '../protocol/pgoutput.ts';
import { decimal } from '@certyo-cdc/core/internal';
import { versionOf, versionPrefix } from '@certyo-cdc/postgres';

/** Identity and version of one change. */
export interface ChangeIdentity {
  readonly id: string;
  readonly version: string;
}

/** Transactions in the order in which they were begun to be read. */
let begun = 0;

/**
 * Numbers the changes of all tables that bear one name: by name, not by oid, for a name may pass from table to table within
 * a transaction (I5). It goes from one transaction to the next, which begins anew.
 */
export class ChangeCounter {
  /** The number of the transaction that counts. */
  transaction: number = 0;
  n: number = 0;
  idPrefix: string = '';
  readonly label: string;

  constructor(label: string) {
    this.label = label;
  }
}

/**
 * The transaction that is being read, and the counters that name its changes.
 *
 * A change is named by its transaction and by its number among the changes of its table in it. Neither depends on
 * other tables entering or leaving the publication, nor on where reading began, so a change has the same name
 * whenever it is read. Log positions alone would not do: rows of one COPY share one.
 */
export class OpenTransaction {
  readonly commitLsn: bigint;
  readonly xid: number;
  /** Events of this transaction that have been made so far. */
  made = 0;
  /** How many of them were made before the connection was lost; infinite when all of them were delivered (I4). */
  alreadyMade = 0;
  #info: TransactionInfo | null = null;
  readonly #committedAt: string;
  readonly #idPrefix: string;
  readonly #versions: string;
  readonly #number: number;
  #messages = 0;

  constructor(
    begin: BeginMessage,
    context: { readonly systemIdentifier: string; readonly epoch: number },
  ) {
    begun += 1;
    this.#number = begun;
    this.commitLsn = begin.commitLsn;
    this.xid = begin.xid;
    this.#committedAt = isoFromPgTime(begin.committedAt);
    const commit = sortableLsn(begin.commitLsn);
    this.#versions = versionPrefix(context.epoch, commit);
    this.#idPrefix = `${context.systemIdentifier}/${commit}/${begin.xid}/`;
  }

  /** True when its changes were delivered in an earlier life. */
  get isDelivered(): boolean {
    return this.alreadyMade === Number.POSITIVE_INFINITY;
  }

  /**
   * What its events say of it. It begins with its first change that is sent, at `lsn`: the same for a transaction that is
   * read in one piece and for one that is streamed in progress.
   */
  info(bytes: Buffer, lsnAt: number): TransactionInfo {
    this.#info ??= Object.freeze({
      xid: String(this.xid),
      committedAt: this.#committedAt,
      beginLsn: formatLsn(bytes.readBigUInt64BE(lsnAt)),
      commitLsn: formatLsn(this.commitLsn),
    });
    return this.#info;
  }

  /** Counts an event; false when it was made before the connection was lost. */
  isNew(): boolean {
    this.made += 1;
    return this.made > this.alreadyMade;
  }

  /** Counts one change and gives its number, from 1. */
  count(counter: ChangeCounter): number {
    if (counter.transaction !== this.#number) this.#begin(counter);
    counter.n += 1;
    return counter.n;
  }

  /** Names a change that was counted. */
  identify({ idPrefix }: ChangeCounter, n: number): ChangeIdentity {
    return { id: `${idPrefix}${decimal(n)}`, version: versionOf(this.#versions, n) };
  }

  /** Names the next message of it; messages are counted apart from changes, whoever asks for them. */
  nextMessage(): ChangeIdentity {
    this.#messages += 1;
    return {
      // The label of a table has a dot.
      id: `${this.#idPrefix}message/${this.#messages}`,
      version: versionOf(this.#versions, this.#messages),
    };
  }

  #begin(counter: ChangeCounter): void {
    // Its numbers would begin again: two changes would have one name.
    if (counter.transaction > this.#number) {
      throw new SourceProtocolError('A transaction goes on behind one that began later.');
    }
    counter.transaction = this.#number;
    counter.idPrefix = `${this.#idPrefix}${counter.label}/`;
    counter.n = 0;
  }
}
