import type { CertyoItem, RecordName } from '@certyo-cdc/core';

import type { LedgerAccess } from '../receipts/ledger-access.ts';
import type { Judge } from './judge.ts';
import { type LedgerTable, newestReceipts, type NewestReceipt } from './newest-receipts.ts';
import type { SeenRecords } from './seen-records.ts';
import type { Suspect } from './suspect.ts';
import type { TableShape } from './table-shape.ts';
import type { Tally } from './tally.ts';

/** A table while it is audited. */
export interface Audited {
  readonly shape: TableShape;
  readonly judge: Judge;
  /** The record that says that the table was emptied: it also tells where the others are. */
  readonly truncate: CertyoItem;
  /** Ids of the table's versions in the ledger. */
  readonly versions: ReadonlySet<number>;
  readonly tally: Tally;
  readonly seen: SeenRecords;
  /** Reasons why rows could not be compared. */
  readonly notComparable: Map<string, number>;
  /** Rows that were read and make no record: a rule leaves them out, or they cannot be made into one. */
  withoutRecord: number;
  /** False as soon as a record was seen whose id is not the key of its row. */
  isNamedByKey: boolean;
  /** False where an earlier part of the audit has seen rows which this one has not. */
  isWholeSeen: boolean;
}

/**
 * Whether a record whose row was not seen may be that of a row which makes no record now, or which the condition leaves out. By its
 * key such a row is found; where a mapping makes the recordId, or no record has shown what makes it, nobody knows which one it was.
 */
export function mayBeWithoutRecord({ isNamedByKey, seen, shape, withoutRecord }: Audited): boolean {
  const hasOthers = withoutRecord > 0 || shape.settings.where !== null;
  return hasOthers && (!isNamedByKey || seen.size === 0);
}

/** The versions of this table among those of the ledger. */
export function versionsOf(
  shape: TableShape,
  truncate: RecordName,
  tables: Iterable<LedgerTable>,
): ReadonlySet<number> {
  const ids = [...tables]
    .filter(
      ({ collection, database, name, schema }) =>
        database === truncate.database &&
        collection === truncate.collection &&
        schema === shape.info.schema &&
        name === shape.info.name,
    )
    .map(({ id }) => id);
  return new Set(ids);
}

/** The newest receipts of records, and of the emptying of their table. */
export async function readRecorded(
  access: LedgerAccess,
  { truncate }: Audited,
  records: readonly RecordName[],
  options: { readonly signal: AbortSignal },
): Promise<{
  readonly newest: readonly (NewestReceipt | null)[];
  readonly truncate: NewestReceipt | null;
}> {
  const all = await newestReceipts(access, [...records, truncate], options);
  return { newest: all.slice(0, -1), truncate: all.at(-1) ?? null };
}

/** The key of a record's row, where its id says it; null where it does not. */
export function keyOfRecord({ isNamedByKey, shape }: Audited, recordId: string): Suspect['key'] {
  if (!isNamedByKey) return null;
  if (shape.key.length === 1) return [recordId];
  try {
    const parts: unknown = JSON.parse(recordId);
    const isKey =
      Array.isArray(parts) &&
      parts.length === shape.key.length &&
      parts.every((part) => typeof part === 'string');
    return isKey ? (parts as string[]) : null;
  } catch {
    return null;
  }
}
