import { GapError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  parseRecordText,
  qualifiedName,
  SERVER_LIFE_SQL,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import { type DeletesTarget, pollingObjects } from '../setup/spec.ts';
import { fromTable, isDataException, type KeyedTable, sameKeySql } from './keyed-table.ts';
import type {
  DeletedKey,
  Tombstone,
  TombstoneColumn,
  TombstonePage,
  TombstoneCursor,
} from './tombstone.ts';

/** How a page of tombstones is read. */
export interface ReadTombstonesOptions {
  /** Everything up to it was handed over; null begins at the first one. */
  readonly after: TombstoneCursor | null;
  /** The bound of the window (exclusive); null takes the horizon of this statement's snapshot. */
  readonly below: bigint | null;
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Reads what a table has lost, such that deletes and rows of one key stay in order.
 *
 * A window is what the transactions from the last horizon up to `below` did. **In each window read all tombstones first,
 * then the rows** with `xid < below`, in statements that begin after this call has returned. A tombstone is left out where a row
 * with its key lives, or where a later one of its key exists. So no key has both a tombstone and a row in one window,
 * and whatever happens in it, the order does not matter:
 *
 * - The order of xids is not the order of commits: transaction 105 deletes a key, then transaction 100 inserts it again.
 *   Neither lies below the horizon before both have ended. Then the row lives, the tombstone is left out, the row comes.
 * - Deleted and inserted in one transaction: the row lives and wins. Inserted and deleted in one: only the tombstone is left.
 * - A row that lives when its tombstone is left out, and is deleted later, leaves another tombstone, with an xid that is not
 *   below `below`: it comes in a later window. A row inserted after this call has a stamp that is not below `below` either.
 *   Where no trigger writes tombstones, its key has to go back to the ledger (`leftOut`), so that the comparison finds it.
 * - Between windows xids only grow, so a record's versions do too when they are made of xids.
 *
 * A page read again, after a restart, may leave out what it gave before (a row lives now), but gives nothing new below an
 * acknowledged position: identity and version of a tombstone never change.
 *
 * TRUNCATE: one `truncated` for the table, or for the partition that was truncated by itself.
 *
 * @throws GapError `GAP_TABLE` where a tombstone does not show its key, because a key column was renamed.
 */
export async function readTombstones(
  executor: SqlExecutor,
  target: DeletesTarget,
  table: KeyedTable,
  options: ReadTombstonesOptions,
): Promise<TombstonePage> {
  const { signal, after, below } = options;
  const { rows } = await executor.query<Row>(
    pageSql(target),
    [
      table.oid,
      String(after?.xid ?? 0n),
      after?.sequence ?? 0n,
      below === null ? null : String(below),
      options.maxRows,
      options.maxBytes,
    ],
    { signal },
  );
  const bound = BigInt(rows[0]?.below ?? 0);
  const found = rows.filter(isFound);
  const tombstones = found.map((row) => toTombstone(row, table));
  const isLeftOut = await outlived(executor, target, table, tombstones, signal);
  const last = found.at(-1);
  const isWhole =
    last === undefined || (Number(last.found) === found.length && found.length < options.maxRows);
  return {
    tombstones: tombstones.filter((_, index) => !isLeftOut.has(index)),
    leftOut: tombstones.flatMap((tombstone, index) =>
      tombstone.kind === 'deleted' && isLeftOut.has(index) ? [tombstone.key] : [],
    ),
    below: bound,
    life: rows[0]?.life ?? '',
    next: isWhole ? null : { xid: BigInt(last.xid), sequence: BigInt(last.sequence) },
    bytes: found.reduce((sum, row) => sum + (row.row?.length ?? 0), 0),
  };
}

/** Whether there is a TRUNCATE behind the cursor, told or not to be told yet. */
export async function isTruncated(
  executor: SqlExecutor,
  target: DeletesTarget,
  table: Pick<KeyedTable, 'oid'>,
  options: Pick<ReadTombstonesOptions, 'after' | 'signal'>,
): Promise<boolean> {
  const { after, signal } = options;
  const { rows } = await executor.query<{ readonly found: string }>(
    `SELECT EXISTS (SELECT FROM ${qualifiedName(pollingObjects(target).tombstones)} t
       WHERE t.relation = $1 AND (t.xid, t.sequence) > ($2::xid8, $3::int8) AND t.operation = 'T')::text AS found`,
    [table.oid, String(after?.xid ?? 0n), after?.sequence ?? 0n],
    { signal },
  );
  return rows[0]?.found === 'true';
}

interface FoundRow {
  readonly below: string;
  readonly life: string;
  readonly found: string;
  readonly xid: string;
  readonly sequence: string;
  readonly operation: string;
  readonly key: string | null;
  readonly row: string | null;
  readonly columns: string | null;
  readonly deleted_at: string;
}

type Row = FoundRow | { readonly below: string; readonly life: string; readonly sequence: null };

function isFound(row: Row): row is FoundRow {
  return row.sequence !== null;
}

/** $1 relation, $2 and $3 cursor, $4 bound or null, $5 rows, $6 bytes. Bound and rows are of one snapshot (P-16). */
function pageSql(target: DeletesTarget): string {
  const { tombstones, tombstoneColumns } = pollingObjects(target);
  const from = qualifiedName(tombstones);
  return `
WITH bound AS (
  SELECT coalesce($4::xid8, pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())) AS below,
         ${SERVER_LIFE_SQL} AS life
), page AS (
  SELECT p.*, pg_catalog.count(*) OVER () AS found,
         pg_catalog.sum(coalesce(pg_catalog.octet_length(p.row), 0)) OVER (ORDER BY p.xid, p.sequence)
           - coalesce(pg_catalog.octet_length(p.row), 0) AS bytes_before
    FROM (SELECT t.* FROM ${from} t
           WHERE t.relation = $1 AND (t.xid, t.sequence) > ($2::xid8, $3::int8) AND t.xid < (SELECT below FROM bound)
             AND NOT EXISTS (SELECT 1 FROM ${from} l
                              WHERE l.relation = t.relation AND l.sequence > t.sequence AND l.key = t.key
                                AND pg_catalog.hash_array_extended(l.key, 0) = pg_catalog.hash_array_extended(t.key, 0))
             AND (t.operation <> 'T' OR (t.row::json ->> 'oid')::oid = t.relation
                  OR NOT EXISTS (SELECT 1 FROM ${from} w WHERE w.relation = t.relation AND w.xid = t.xid
                                    AND w.operation = 'T' AND (w.row::json ->> 'oid')::oid = w.relation))
           ORDER BY t.xid, t.sequence LIMIT $5) AS p
)
SELECT b.below::text AS below, b.life, p.found::text AS found, p.xid::text AS xid, p.sequence::text AS sequence,
       p.operation::text AS operation, pg_catalog.array_to_json(p.key)::text AS key, p.row, c.columns,
       pg_catalog.to_char(p.deleted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS deleted_at
  FROM bound b
  LEFT JOIN page p ON p.bytes_before < $6
  LEFT JOIN ${qualifiedName(tombstoneColumns)} c ON c.id = p.columns
 ORDER BY p.xid, p.sequence`;
}

const REASONS: Readonly<Record<string, DeletedKey['reason']>> = {
  D: 'deleted',
  K: 'key-changed',
  R: 'reconciled',
};

function toTombstone(row: FoundRow, table: KeyedTable): Tombstone {
  const { deleted_at: deletedAt } = row;
  const sequence = BigInt(row.sequence);
  const xid = BigInt(row.xid);
  if (row.operation === 'T') {
    const relation = JSON.parse(row.row ?? '{}') as { oid: number; schema: string; name: string };
    const isWholeTable = relation.oid === table.oid;
    return { kind: 'truncated', xid, sequence, relation, isWholeTable, deletedAt };
  }
  if (row.key === null) {
    throw new GapError(
      'GAP_TABLE',
      `A deleted row of ${tableLabel(table)} does not show its key: a key column was renamed, or dropped.`,
      { remedy: 'Run source.setup() with the key of now, and copy the table under a new name.' },
    );
  }
  return {
    kind: 'deleted',
    reason: REASONS[row.operation] ?? 'deleted',
    xid,
    sequence,
    key: JSON.parse(row.key) as string[],
    row: row.row === null ? null : parseRecordText(row.row),
    columns: row.columns === null ? null : (JSON.parse(row.columns) as TombstoneColumn[]),
    deletedAt,
  };
}

/**
 * The indexes of tombstones whose key lives again, or has a later tombstone. Both in one snapshot: a row that lived when the
 * page was read, and may have been handed over before a restart, either still lives now or has left a tombstone. This one's
 * version lies before that row's.
 */
async function outlived(
  executor: SqlExecutor,
  target: DeletesTarget,
  table: KeyedTable,
  tombstones: readonly Tombstone[],
  signal: AbortSignal,
): Promise<ReadonlySet<number>> {
  const keys = tombstones.flatMap((tombstone, index) =>
    tombstone.kind === 'deleted'
      ? [{ index, key: tombstone.key, sequence: tombstone.sequence }]
      : [],
  );
  if (keys.length === 0) return new Set();
  const parameters = [
    JSON.stringify(keys.map(({ key }) => key)),
    `{${keys.map(({ sequence }) => sequence).join(',')}}`,
    table.oid,
  ];
  const query = (typed: boolean) =>
    executor.query<{ readonly at: string }>(outlivedSql(target, table, typed), parameters, {
      signal,
    });
  const { rows } = await query(true).catch((error: unknown) => {
    if (!isDataException(error)) throw error;
    return query(false);
  });
  return new Set(rows.map(({ at }) => keys[Number(at) - 1]?.index ?? -1));
}

/** $1 a JSON array of keys, $2 the sequences of their tombstones, $3 relation. */
function outlivedSql(target: DeletesTarget, table: KeyedTable, typed: boolean): string {
  return `
SELECT k.at::text AS at
  FROM (SELECT j.at, ARRAY(SELECT pg_catalog.json_array_elements_text(j.key)) COLLATE "C" AS key,
               ($2::int8[])[j.at] AS sequence
          FROM pg_catalog.json_array_elements($1::json) WITH ORDINALITY AS j(key, at)) AS k
 WHERE EXISTS (SELECT 1 FROM ${fromTable(table)} r WHERE ${sameKeySql(table, 'r', 'k.key', typed)})
    OR EXISTS (SELECT 1 FROM ${qualifiedName(pollingObjects(target).tombstones)} l
                WHERE l.relation = $3::oid AND l.sequence > k.sequence AND l.key = k.key
                  AND pg_catalog.hash_array_extended(l.key, 0) = pg_catalog.hash_array_extended(k.key, 0))`;
}
