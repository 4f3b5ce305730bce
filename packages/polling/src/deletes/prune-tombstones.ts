import { qualifiedName, type SqlSession } from '@certyo-cdc/postgres';
import { type DeletesTarget, pollingObjects } from '../setup/spec.ts';
import type { KeyedTable } from './keyed-table.ts';
import { writeTransaction } from './write-transaction.ts';

/**
 * Removes tombstones that are acknowledged: those with an xid below the bound, at most `maxRows` of them. One that stands in for an
 * earlier one of its key, which is not acknowledged yet, stays: the earlier one would come back.
 *
 * @returns How many were removed; ask again as long as it is `maxRows`.
 */
export async function pruneTombstones(
  session: SqlSession,
  target: DeletesTarget,
  table: Pick<KeyedTable, 'oid'>,
  options: { readonly below: bigint; readonly maxRows: number; readonly signal: AbortSignal },
): Promise<number> {
  const from = qualifiedName(pollingObjects(target).tombstones);
  const { rowCount } = await writeTransaction(session, options.signal, (executor) =>
    executor.query(
      `
DELETE FROM ${from} d USING (
  SELECT t.relation, t.xid, t.sequence FROM ${from} t
   WHERE t.relation = $1 AND t.xid < $2::xid8
     AND NOT EXISTS (SELECT 1 FROM ${from} e
                      WHERE e.relation = t.relation AND e.sequence < t.sequence AND e.xid >= $2::xid8 AND e.key = t.key
                        AND pg_catalog.hash_array_extended(e.key, 0) = pg_catalog.hash_array_extended(t.key, 0))
   ORDER BY t.xid, t.sequence LIMIT $3) AS p
 WHERE d.relation = p.relation AND d.xid = p.xid AND d.sequence = p.sequence`,
      [table.oid, String(options.below), options.maxRows],
      { signal: options.signal },
    ),
  );
  return rowCount;
}
