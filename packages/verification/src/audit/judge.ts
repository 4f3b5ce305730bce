import { CdcError, ConfigurationError } from '@certyo-cdc/core';

import type { ReceiptState } from '../receipts/kept-receipt.ts';
import type { LedgerTable, NewestReceipt } from './newest-receipts.ts';
import { OldColumns } from './old-columns.ts';
import type { AuditAnswer, AuditFindingKind } from './report-schema.ts';
import type { RenderedRow, RowRenderer } from './row-renderer.ts';
import { matchParts } from './unseen-values.ts';

/** What follows from a row, or from there being none, and the newest receipt of its record. */
export type Judgement =
  | {
      readonly type: 'unchanged';
      readonly state: ReceiptState;
      readonly isPartial: boolean;
      /** The row as its newest record has it, which may be under other columns than it has now; null where that is not at hand. */
      readonly row: RenderedRow | null;
    }
  | { readonly type: 'gone' }
  | { readonly type: 'by-rule' }
  | { readonly type: 'outside-span' }
  | { readonly type: 'not-comparable'; readonly reason: string }
  | {
      readonly type: 'wrong';
      readonly kind: AuditFindingKind;
      readonly reason: string;
      /** What Certyo has said, where that is what is wrong. */
      readonly certyo?: AuditAnswer;
    };

/** A row as far as it could be made into a record. */
export type Rendering =
  | { readonly type: 'record'; readonly row: RenderedRow }
  | { readonly type: 'by-rule' }
  | { readonly type: 'refused'; readonly reason: string };

/** What the ledger says of a record. */
export interface Recorded {
  readonly newest: NewestReceipt | null;
  /** The newest receipt that says that the whole table was emptied. */
  readonly truncate: NewestReceipt | null;
}

type Span = { readonly fromMs: number; readonly toMs: number } | null;

/** Judges the rows of one table. */
export class Judge {
  readonly renderer: RowRenderer;
  readonly #tables: ReadonlyMap<number, LedgerTable>;
  readonly #old = new Map<number, OldColumns>();
  readonly #span: Span;

  constructor(renderer: RowRenderer, tables: ReadonlyMap<number, LedgerTable>, span: Span) {
    this.renderer = renderer;
    this.#tables = tables;
    this.#span = span;
  }

  render(texts: readonly (string | null)[]): Rendering {
    try {
      const row = this.renderer.render(texts, this.renderer.now);
      return row === null ? { type: 'by-rule' } : { type: 'record', row };
    } catch (error) {
      if (!CdcError.is(error) || error instanceof ConfigurationError) throw error;
      return { type: 'refused', reason: `the row cannot be made into a record (${error.code})` };
    }
  }

  /** Of a row that is there. */
  row(
    texts: readonly (string | null)[],
    rendering: Rendering,
    { newest, truncate }: Recorded,
  ): Judgement {
    if (rendering.type === 'by-rule') return { type: 'by-rule' };
    if (rendering.type === 'refused') return { type: 'not-comparable', reason: rendering.reason };
    if (newest === null) return wrong('missing-record', 'there is no receipt of the row');
    if (!this.#isInSpan(newest)) return { type: 'outside-span' };
    const deleted = wrong('missing-record', 'the newest receipt says that the row was deleted');
    const isDelete = newest.operation === 'delete';
    if (isDelete && !this.renderer.shape.settings.softDelete) return deleted;
    if (isTruncated(newest, truncate)) {
      return wrong('missing-record', 'there is no receipt of the row since its table was emptied');
    }
    const judgement = this.#compare(texts, rendering.row, newest);
    const isOther = judgement.type === 'wrong' && judgement.kind === 'changed';
    return isDelete && isOther ? deleted : judgement;
  }

  /** With its newest receipt, under the columns that this was made of. */
  #compare(texts: readonly (string | null)[], row: RenderedRow, newest: NewestReceipt): Judgement {
    if (newest.fingerprint === row.fingerprint) return this.#equal(newest, row, false);
    const { now } = this.renderer;
    const old = this.#oldColumns(newest.tableId, row.table.fingerprint);
    if (old === null) {
      const part = matchParts(this.renderer, now, texts, newest.fingerprint);
      return part === null
        ? wrong('changed', 'the row is not what its newest receipt says')
        : this.#equal(newest, part, true);
    }
    const match = old.match(texts, newest.fingerprint);
    if (match !== null) return this.#equal(newest, match.row, match.isPartial);
    const { obstacle } = old;
    return obstacle === null
      ? wrong('changed', 'the row is not what its newest receipt says')
      : { type: 'not-comparable', reason: obstacle };
  }

  /** Of a record whose row is not there. */
  gone({ newest, truncate }: Recorded): Judgement {
    if (newest === null || newest.operation === 'delete' || isTruncated(newest, truncate)) {
      return { type: 'gone' };
    }
    if (!this.#isInSpan(newest)) return { type: 'outside-span' };
    return wrong('missing-row', 'the newest receipt says that there is a row');
  }

  /** Whether a receipt was made of other columns than the row has now. */
  isOld({ tableId }: NewestReceipt, rendered: RenderedRow | null): boolean {
    return this.#tables.get(tableId)?.fingerprint !== rendered?.table.fingerprint;
  }

  #equal(newest: NewestReceipt, row: RenderedRow, isPartial: boolean): Judgement {
    if (newest.isOutOfOrder) {
      return wrong('out-of-order', 'an older version was accepted after the newest one');
    }
    if (newest.state === 'failed') {
      return wrong('not-anchored', 'Certyo could not anchor the newest version');
    }
    return { type: 'unchanged', state: newest.state, isPartial, row };
  }

  /** Null where the receipt was made of the columns that there are now. */
  #oldColumns(tableId: number, now: string): OldColumns | null {
    const known = this.#old.get(tableId);
    if (known !== undefined) return known;
    const table = this.#tables.get(tableId);
    if (table === undefined || table.fingerprint === now) return null;
    const old = new OldColumns(table, this.renderer);
    this.#old.set(tableId, old);
    return old;
  }

  #isInSpan({ acceptedAt }: NewestReceipt): boolean {
    if (this.#span === null) return true;
    const ms = Date.parse(acceptedAt);
    return ms >= this.#span.fromMs && ms < this.#span.toMs;
  }
}

function wrong(kind: AuditFindingKind, reason: string): Judgement {
  return { type: 'wrong', kind, reason };
}

const POSITIONED = /^\d{6}-[0-9A-Fa-f]+-/u;

/** Truncates and rows of a table are accepted in their order; versions that a mapping makes have another one. */
export function isTruncated(newest: NewestReceipt, truncate: NewestReceipt | null): boolean {
  if (truncate === null) return false;
  return arePositioned(newest, truncate)
    ? newest.recordVersion < truncate.recordVersion
    : newest.acceptedAt < truncate.acceptedAt;
}

/** The version above which a record of the row has to stand. */
export function versionBelow(newest: NewestReceipt, truncate: NewestReceipt | null): string {
  const isTruncate =
    truncate !== null && arePositioned(newest, truncate) && isTruncated(newest, truncate);
  return (isTruncate ? truncate : newest).recordVersion;
}

function arePositioned(...receipts: readonly NewestReceipt[]): boolean {
  return receipts.every(({ recordVersion }) => POSITIONED.test(recordVersion));
}
