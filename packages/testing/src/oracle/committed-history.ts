import { tableLabel } from '@certyo-cdc/core/internal';
import {
  hiddenColumns,
  type HistoryTable,
  literal,
  type OracleQuery,
  recordId,
  sqlName,
} from './history-table.ts';

/** Schema that holds what was committed. */
export const HISTORY_SCHEMA = 'committed_history';

/**
 * Makes a trigger on each table that writes down every committed change with the whole rows, in the same transaction.
 *
 * It is a second witness of what was committed, and independent of the log that replication reads: numbers are drawn
 * while the row is locked, so that they grow in commit order per row, and a rolled-back transaction leaves nothing.
 */
export async function installHistory(
  query: OracleQuery,
  tables: readonly HistoryTable[],
): Promise<void> {
  await query(`CREATE SCHEMA IF NOT EXISTS ${HISTORY_SCHEMA}`);
  await query(`CREATE TABLE IF NOT EXISTS ${HISTORY_SCHEMA}.change (
    id bigserial PRIMARY KEY, collection text NOT NULL, operation text NOT NULL,
    old_key text[], new_key text[], old_row text, new_row text)`);
  await query(`CREATE OR REPLACE FUNCTION ${HISTORY_SCHEMA}.record() RETURNS trigger LANGUAGE plpgsql AS $body$
    DECLARE old_key text[]; new_key text[]; old_row text; new_row text; part text;
    BEGIN
      IF TG_OP <> 'INSERT' THEN
        old_row := OLD::text;
        FOREACH part IN ARRAY TG_ARGV[1:] LOOP old_key := old_key || (to_jsonb(OLD) ->> part); END LOOP;
      END IF;
      IF TG_OP <> 'DELETE' THEN
        new_row := NEW::text;
        FOREACH part IN ARRAY TG_ARGV[1:] LOOP new_key := new_key || (to_jsonb(NEW) ->> part); END LOOP;
      END IF;
      INSERT INTO ${HISTORY_SCHEMA}.change (collection, operation, old_key, new_key, old_row, new_row)
      VALUES (TG_ARGV[0], lower(TG_OP), old_key, new_key, old_row, new_row);
      RETURN NULL;
    END $body$`);
  for (const table of tables) {
    const args = [tableLabel(table), ...table.key].map((text) => literal(text)).join(', ');
    await query(`CREATE TRIGGER committed_history AFTER INSERT OR UPDATE OR DELETE ON ${sqlName(table)}
      FOR EACH ROW EXECUTE PROCEDURE ${HISTORY_SCHEMA}.record(${args})`);
  }
}

/** One version that a record has to have at the other side. */
export interface ExpectedVersion {
  readonly historyId: string;
  readonly collection: string;
  readonly recordId: string;
  readonly operation: 'insert' | 'update' | 'delete' | 'upsert';
  /** Which row of the change it shows. */
  readonly row: 'old' | 'new';
}

/** Committed changes with a number greater than `after`, in order. A change of key makes two versions of two records. */
export async function readHistory(
  query: OracleQuery,
  after: string,
  limit: number,
): Promise<readonly ExpectedVersion[]> {
  const rows = await query(
    `SELECT c.id::text AS history_id, collection, operation, old_key, new_key FROM ${HISTORY_SCHEMA}.change c
      WHERE c.id > $1 ORDER BY c.id LIMIT $2`,
    [after, limit],
  );
  return rows.flatMap((row): ExpectedVersion[] => {
    const operation = row['operation'] as 'insert' | 'update' | 'delete';
    const base = { historyId: String(row['history_id']), collection: String(row['collection']) };
    const oldId = recordId(row['old_key']);
    const newId = recordId(row['new_key']);
    if (operation === 'update' && oldId !== newId) {
      return [
        { ...base, recordId: oldId, operation: 'delete', row: 'old' },
        { ...base, recordId: newId, operation: 'upsert', row: 'new' },
      ];
    }
    const isDelete = operation === 'delete';
    return [
      { ...base, recordId: isDelete ? oldId : newId, operation, row: isDelete ? 'old' : 'new' },
    ];
  });
}

/** How many changes were committed. */
export async function countHistory(query: OracleQuery): Promise<number> {
  const rows = await query(`SELECT count(*)::int AS n FROM ${HISTORY_SCHEMA}.change`);
  return Number(rows[0]?.['n'] ?? 0);
}

/** A version that is held, to be compared with the row that was committed. */
export interface HeldVersion {
  readonly historyId: string;
  readonly row: 'old' | 'new';
  readonly payload: string;
}

/**
 * Lets the server itself compare payloads with the committed rows: each is read back into the table's row type, and
 * both are compared as jsonb, because json has no equality. Columns that no payload shows do not count.
 *
 * @returns The history ids of those that differ.
 */
export async function compareRows(
  query: OracleQuery,
  table: HistoryTable,
  held: readonly HeldVersion[],
): Promise<readonly string[]> {
  const type = sqlName(table);
  const hidden = await hiddenColumns(query, table);
  const rows = await query(
    `SELECT h.id::text AS id
       FROM unnest($1::bigint[], $2::text[], $3::text[]) AS held(id, side, payload)
       JOIN ${HISTORY_SCHEMA}.change h ON h.id = held.id
      WHERE to_jsonb(jsonb_populate_record(NULL::${type}, held.payload::jsonb)) - ${hidden}
            IS DISTINCT FROM to_jsonb((CASE held.side WHEN 'old' THEN h.old_row ELSE h.new_row END)::${type}) - ${hidden}`,
    [
      held.map((version) => version.historyId),
      held.map((version) => version.row),
      held.map((version) => version.payload),
    ],
  );
  return rows.map((row) => String(row['id']));
}
