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
  readonly info: TransactionInfo;
  /** Events of this transaction that have been made so far. */
  made = 0;
  readonly #idPrefix: string;
  readonly #epoch: number;
  readonly #commit: string;
  /** By name, not by oid: one name may pass from table to table within a transaction (I5). */
  readonly #counters = new Map<string, number>();

  constructor(
    begin: BeginMessage,
    context: {
      readonly beginLsn: bigint;
      readonly systemIdentifier: string;
      readonly epoch: number;
    },
  ) {
    this.commitLsn = begin.commitLsn;
    this.xid = begin.xid;
    this.info = Object.freeze({
      xid: String(begin.xid),
      committedAt: isoFromPgTime(begin.committedAt),
      beginLsn: formatLsn(context.beginLsn),
      commitLsn: formatLsn(begin.commitLsn),
    });
    this.#epoch = context.epoch;
    this.#commit = sortableLsn(begin.commitLsn);
    this.#idPrefix = `${context.systemIdentifier}/${this.#commit}/${begin.xid}/`;
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
}
