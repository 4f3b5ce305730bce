import type { TransactionInfo } from '@certyo-cdc/core';
import { formatLsn, sortableLsn } from '../protocol/lsn.ts';
import { isoFromPgTime } from '../protocol/pg-time.ts';
import type { BeginMessage } from '../protocol/pgoutput.ts';
import { tableLabel } from '@certyo-cdc/core/internal';
import { versionText } from '@certyo-cdc/postgres';

/** Identity and version of one change. */
export interface ChangeIdentity {
  readonly id: string;
  readonly version: string;
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
  readonly #epoch: number;
  readonly #commit: string;
  /** By name, not by oid: one name may pass from table to table within a transaction (I5). */
  readonly #counters = new Map<string, number>();
  #messages = 0;

  constructor(
    begin: BeginMessage,
    context: { readonly systemIdentifier: string; readonly epoch: number },
  ) {
    this.commitLsn = begin.commitLsn;
    this.xid = begin.xid;
    this.#committedAt = isoFromPgTime(begin.committedAt);
    this.#epoch = context.epoch;
    this.#commit = sortableLsn(begin.commitLsn);
    this.#idPrefix = `${context.systemIdentifier}/${this.#commit}/${begin.xid}/`;
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

  /** Counts one change of a table and gives its number, from 1. */
  count(table: { readonly schema: string; readonly name: string }): number {
    const name = tableLabel(table);
    const n = (this.#counters.get(name) ?? 0) + 1;
    this.#counters.set(name, n);
    return n;
  }

  identify(table: { readonly schema: string; readonly name: string }, n: number): ChangeIdentity {
    return {
      id: `${this.#idPrefix}${tableLabel(table)}/${n}`,
      version: versionText(this.#epoch, this.#commit, n),
    };
  }

  /** Names the next message of it; messages are counted apart from changes, whoever asks for them. */
  nextMessage(): ChangeIdentity {
    this.#messages += 1;
    return {
      // The label of a table has a dot.
      id: `${this.#idPrefix}message/${this.#messages}`,
      version: versionText(this.#epoch, this.#commit, this.#messages),
    };
  }
}
