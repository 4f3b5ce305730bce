import { createHash } from 'node:crypto';
import type { RowChange, TransactionInfo } from '@certyo-cdc/core';
import { createRowChange, tupleFromTexts } from '@certyo-cdc/postgres';
import type { PageRow } from '../table/read-page.ts';
import type { TablePlan } from '../table/table-plan.ts';
import type { ReaderContext } from './table-reader.ts';

/** The texts of a row's key columns, in the order of the key. */
export function keyTexts(plan: TablePlan, row: PageRow): readonly string[] {
  return plan.key.map(({ index }) => row.texts[index] ?? '');
}

const MAX_KEY_CHARACTERS = 200;

/** A key as one text that no other key of the table has; a long one by its digest. */
export function keyLabel(key: readonly string[]): string {
  const only = key.length === 1 ? (key[0] ?? '') : JSON.stringify(key);
  if (only.length <= MAX_KEY_CHARACTERS) return only;
  return `sha256:${createHash('sha256').update(JSON.stringify(key)).digest('hex')}`;
}

/** The identity of a row version: `version` is the xid8, the stamp or the number, as text. */
export function rowId(
  context: ReaderContext,
  label: string,
  key: readonly string[],
  version: string,
): string {
  return `${context.source.systemIdentifier}/${label}/${keyLabel(key)}/${version}`;
}

/** Makes the event of a row that was read: a delete where the row is marked as deleted, else a snapshot. */
export function rowEvent(
  context: ReaderContext,
  plan: TablePlan,
  row: PageRow,
  identity: {
    readonly version: string;
    readonly recordVersion: string;
    readonly xid: string | null;
  },
): RowChange {
  const tuple = tupleFromTexts(row.texts);
  const isDeleted = isSoftDeleted(plan, row);
  const transaction: TransactionInfo = {
    xid: identity.xid,
    committedAt: plan.stampIndex === null ? null : isoStamp(row.texts[plan.stampIndex] ?? null),
  };
  return createRowChange({
    descriptor: plan.descriptor,
    operation: isDeleted ? 'delete' : 'snapshot',
    id: rowId(context, plan.settings.label, keyTexts(plan, row), identity.version),
    version: identity.recordVersion,
    transaction,
    source: context.source,
    before: isDeleted ? tuple : null,
    after: isDeleted ? null : tuple,
  });
}

function isSoftDeleted(plan: TablePlan, row: PageRow): boolean {
  if (plan.softDelete === null) return false;
  const text = row.texts[plan.softDelete.index] ?? null;
  return plan.softDelete.isBoolean ? text === 't' : text !== null;
}

const STAMP = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00)?$/;

/**
 * A stamp as PostgreSQL prints it under the pinned settings, in ISO 8601 with microseconds; null for infinity, BC and years
 * over 9999. A stamp without time zone counts as UTC. Never through a Date, which knows milliseconds only (P-04).
 */
export function isoStamp(text: string | null): string | null {
  const parts = text === null ? null : STAMP.exec(text);
  if (parts === null) return null;
  const [, date, time, fraction = ''] = parts;
  return `${date ?? ''}T${time ?? ''}.${fraction.padEnd(6, '0')}Z`;
}
