import type { LedgerAccess } from '../receipts/ledger-access.ts';
import { type Audited, keyOfRecord } from './audited.ts';
import { isTruncated } from './judge.ts';
import {
  type LedgerRecord,
  newestReceipts,
  type NewestReceipt,
  readRecords,
} from './newest-receipts.ts';
import { runAll } from './run-all.ts';
import type { Suspect } from './suspect.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

const SLICES = 64;
const PAGE = 5_000;
const KEY_DIGITS = 32;

/** Walks over all records of the ledger, and gives those that should have a row and of which none was seen. */
export async function walkLedger(
  audited: readonly Audited[],
  ledgers: readonly LedgerAccess[],
  onPage: (records: number, suspects: readonly Suspect[]) => Promise<void>,
  options: CallOptions,
): Promise<void> {
  const byVersion = new Map(
    audited.flatMap((table) => [...table.versions].map((id) => [id, table] as const)),
  );
  const truncates = new Map<Audited, NewestReceipt | null>();
  const [first] = ledgers;
  if (first === undefined || byVersion.size === 0) return;
  const emptied = await newestReceipts(
    first,
    audited.map(({ truncate }) => truncate),
    options,
  );
  for (const [index, table] of audited.entries()) truncates.set(table, emptied[index] ?? null);
  const missing = (record: LedgerRecord): Suspect | null => {
    const table = byVersion.get(record.tableId);
    if (table === undefined || record.operation === 'delete') return null;
    if (table.seen.has(record.recordKey)) return null;
    if (isTruncated(record, truncates.get(table) ?? null)) return null;
    const { recordId } = record;
    const { collection, database } = table.truncate;
    const key = keyOfRecord(table, recordId);
    const { label } = table.shape;
    return { table: label, database, collection, recordId, key, wasRead: false };
  };
  let next = 0;
  await runAll(
    ledgers,
    async (ledger, within) => {
      for (let slice = next; slice < SLICES; slice = next) {
        next = slice + 1;
        const from = sliceStart(slice);
        let before = slice === SLICES - 1 ? null : sliceStart(next);
        for (;;) {
          const records = await readRecords(ledger, { from, before, limit: PAGE }, within);
          await onPage(
            records.length,
            records.flatMap((record) => missing(record) ?? []),
          );
          if (records.length < PAGE) break;
          before = records.at(-1)?.recordKey ?? null;
        }
      }
    },
    options,
  );
}

function sliceStart(slice: number): string {
  return Math.floor((slice * 256) / SLICES)
    .toString(16)
    .padStart(2, '0')
    .padEnd(KEY_DIGITS, '0');
}
