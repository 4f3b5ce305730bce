import type { LedgerAccess } from '../receipts/ledger-access.ts';
import { isoTime } from '../receipts/query-sql.ts';
import { ledgerTable } from '../receipts/sql.ts';
import type { AuditReport } from './report-schema.ts';

type Timeline = AuditReport['timeline'];

const DAY_MS = 86_400_000;

/** The longest time that is shown by each. */
const BUCKETS = [
  ['minute', DAY_MS / 12],
  ['hour', 4 * DAY_MS],
  ['day', 90 * DAY_MS],
  ['week', 700 * DAY_MS],
  ['month', 3650 * DAY_MS],
] as const;

/** Counts the receipts of some versions of tables by time of acceptance and state. */
export async function readTimeline(
  access: LedgerAccess,
  versions: readonly number[],
  options: { readonly signal: AbortSignal },
): Promise<Timeline> {
  const receipts = ledgerTable(access.schema, 'receipts');
  const ids = [versions.map(String)];
  const [bounds] = await access.rows<{ readonly first: string | null; readonly ms: string | null }>(
    `SELECT ${isoTime('pg_catalog.min(r.accepted_at)')} AS first,
  pg_catalog.floor(extract(epoch FROM pg_catalog.max(r.accepted_at) - pg_catalog.min(r.accepted_at)) * 1000)::int8::text AS ms
FROM ${receipts} AS r WHERE r.table_id = ANY ($1::int4[])`,
    ids,
    options,
  );
  const ms = Number(bounds?.ms ?? 0);
  const bucket = BUCKETS.find(([, longest]) => ms <= longest)?.[0] ?? 'year';
  if (bounds?.first == null) return { bucket, points: [] };
  const count = (state: string): string =>
    `pg_catalog.count(*) FILTER (WHERE r.state = '${state}')::text AS ${state}`;
  const rows = await access.rows<{
    readonly at: string;
    readonly pending: string;
    readonly anchored: string;
    readonly failed: string;
  }>(
    `SELECT ${isoTime(`pg_catalog.date_trunc('${bucket}', r.accepted_at)`)} AS at,
  ${count('pending')}, ${count('anchored')}, ${count('failed')}
FROM ${receipts} AS r WHERE r.table_id = ANY ($1::int4[]) GROUP BY 1 ORDER BY 1`,
    ids,
    options,
  );
  return {
    bucket,
    points: rows.map(({ anchored, at, failed, pending }) => ({
      at,
      pending: Number(pending),
      anchored: Number(anchored),
      failed: Number(failed),
    })),
  };
}
