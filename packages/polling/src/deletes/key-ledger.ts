import { qualifiedName, type SqlSession } from '@certyo-cdc/postgres';
import { type DeletesTarget, pollingObjects } from '../setup/spec.ts';
import { fromTable, isDataException, type KeyedTable, sameKeySql } from './keyed-table.ts';
import { writeTransaction } from './write-transaction.ts';

/** What one step of a comparison did. */
export interface ReconcileStep {
  /** Keys that were compared. */
  readonly compared: number;
  /** Keys that no row has any more: now tombstones. */
  readonly gone: number;
  /** Where the next step begins; null when all keys were compared. */
  readonly next: readonly string[] | null;
}

/**
 * Notes keys **before** their rows are handed over, and returns when that is on disk. So every key that was ever handed over
 * is in the ledger until a tombstone for it exists. A key that is noted but was not handed over, because the process died in
 * between, at most leads to a delete of a record that nobody has.
 */
export async function rememberKeys(
  session: SqlSession,
  target: DeletesTarget,
  table: KeyedTable,
  keys: readonly (readonly string[])[],
  options: { readonly signal: AbortSignal },
): Promise<void> {
  if (keys.length === 0) return;
  const ledger = qualifiedName(pollingObjects(target).keys);
  const sql = `
INSERT INTO ${ledger} (relation, key)
SELECT $1, ARRAY(SELECT pg_catalog.json_array_elements_text(j.key)) FROM pg_catalog.json_array_elements($2::json) AS j(key)
    ON CONFLICT DO NOTHING`;
  await writeTransaction(session, options.signal, (executor) =>
    executor.query(sql, [table.oid, JSON.stringify(keys)], options),
  );
}

/**
 * Compares a page of the keys that were handed over with the table, and turns those that no row has into tombstones, in one
 * transaction: a key is in the ledger or a tombstone, whenever the process dies. From there on they are read, handed over in
 * order, acknowledged and pruned like those of the trigger: with the same id and version however often they are read.
 *
 * No row that lives is reported, and none is missed:
 *
 * - The ledger holds only keys of rows that were committed before; a snapshot taken later that does not show the row
 *   proves that it was deleted. Rows in flight are not in the ledger.
 * - The tombstone carries the xid of this transaction and passes the horizon like any other: when it is read, every
 *   transaction that was running has ended. Where one of those has inserted the key again, the row lives and the tombstone
 *   is left out.
 *
 * Calls for one table must not overlap with `rememberKeys`: only one poller is active under a name, and it does one after
 * the other.
 */
export async function reconcileKeys(
  session: SqlSession,
  target: DeletesTarget,
  table: KeyedTable,
  options: {
    readonly after: readonly string[] | null;
    readonly maxKeys: number;
    readonly signal: AbortSignal;
  },
): Promise<ReconcileStep> {
  const { signal, after, maxKeys } = options;
  const step = (typed: boolean) =>
    writeTransaction(session, signal, (executor) =>
      executor.query<{
        readonly compared: string;
        readonly gone: string;
        readonly last: string | null;
      }>(reconcileSql(target, table, typed), [table.oid, after, maxKeys], { signal }),
    );
  const { rows } = await step(true).catch((error: unknown) => {
    if (!isDataException(error)) throw error;
    return step(false);
  });
  const compared = Number(rows[0]?.compared ?? 0);
  const last = rows[0]?.last ?? null;
  return {
    compared,
    gone: Number(rows[0]?.gone ?? 0),
    next: compared < maxKeys || last === null ? null : (JSON.parse(last) as string[]),
  };
}

/** $1 relation, $2 key after which the page begins or null, $3 keys of a page. */
function reconcileSql(target: DeletesTarget, table: KeyedTable, typed: boolean): string {
  const { keys, tombstones } = pollingObjects(target);
  const ledger = qualifiedName(keys);
  return `
WITH page AS MATERIALIZED (
  SELECT k.key FROM ${ledger} k WHERE k.relation = $1 AND ($2::text[] IS NULL OR k.key > $2::text[] COLLATE "C")
   ORDER BY k.key LIMIT $3
), gone AS MATERIALIZED (
  SELECT p.key FROM page p
   WHERE NOT EXISTS (SELECT 1 FROM ${fromTable(table)} r WHERE ${sameKeySql(table, 'r', 'p.key', typed)})
), removed AS (
  DELETE FROM ${ledger} k USING gone g WHERE k.relation = $1 AND k.key = g.key RETURNING k.key
), noted AS (
  INSERT INTO ${qualifiedName(tombstones)} (xid, relation, operation, key)
  SELECT pg_catalog.pg_current_xact_id(), $1, 'R', r.key FROM removed r RETURNING 1
)
SELECT (SELECT pg_catalog.count(*) FROM page)::text AS compared, (SELECT pg_catalog.count(*) FROM noted)::text AS gone,
       (SELECT pg_catalog.array_to_json(p.key)::text FROM page p ORDER BY p.key DESC LIMIT 1) AS last`;
}
