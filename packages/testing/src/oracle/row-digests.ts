import { tableLabel } from '@certyo-cdc/core/internal';
import { HISTORY_SCHEMA } from './committed-history.ts';
import {
  hiddenColumns,
  type HistoryTable,
  literal,
  type OracleQuery,
  recordId,
  sqlName,
} from './history-table.ts';

/** One version of a record that was committed, or the row as it is now. */
export interface CommittedState {
  readonly recordId: string;
  /** Null when the record is gone. */
  readonly digest: string | null;
  /** Of the last row that a deleted record had; null where the record is not gone by DELETE. */
  readonly oldDigest: string | null;
}

/**
 * The committed versions of a table in order, each as a digest of the row as the server reads and writes it. Equal
 * digests are equal rows, to the last digit.
 *
 * @param softDelete A column that says that the record is gone when it is not null.
 */
export async function digestHistory(
  query: OracleQuery,
  table: HistoryTable,
  softDelete: string | undefined,
): Promise<readonly CommittedState[]> {
  const [digest, gone] = await expressions(query, table, softDelete);
  const type = sqlName(table);
  const rows = await query(
    `SELECT operation, old_key, new_key, CASE WHEN old_row IS NOT NULL THEN ${digest('o.row')} END AS old_digest,
            CASE WHEN new_row IS NOT NULL AND NOT ${gone('n.row')} THEN ${digest('n.row')} END AS new_digest
       FROM ${HISTORY_SCHEMA}.change, LATERAL (SELECT old_row::${type} AS row) o, LATERAL (SELECT new_row::${type} AS row) n
      WHERE collection = $1 ORDER BY id`,
    [tableLabel(table)],
  );
  return rows.flatMap((row): CommittedState[] => {
    const oldId = recordId(row['old_key']);
    const newId = recordId(row['new_key']);
    const deleted = { recordId: oldId, digest: null, oldDigest: text(row['old_digest']) };
    if (row['operation'] === 'delete') return [deleted];
    const now = { recordId: newId, digest: text(row['new_digest']), oldDigest: null };
    return row['operation'] === 'update' && oldId !== newId ? [deleted, now] : [now];
  });
}

/** The rows of a table as they are now. */
export async function digestRows(
  query: OracleQuery,
  table: HistoryTable,
  softDelete: string | undefined,
): Promise<ReadonlyMap<string, string | null>> {
  const [digest, gone] = await expressions(query, table, softDelete);
  const key = table.key.map((column) => `to_jsonb(t) ->> $${table.key.indexOf(column) + 1}`);
  const rows = await query(
    `SELECT ARRAY[${key.join(', ')}] AS key, CASE WHEN NOT ${gone('t')} THEN ${digest('t')} END AS digest
       FROM ${sqlName(table)} t`,
    table.key,
  );
  return new Map(rows.map((row) => [recordId(row['key']), text(row['digest'])]));
}

/** Payloads, read back by the server into the table's row type, as digests. */
export async function digestPayloads(
  query: OracleQuery,
  table: HistoryTable,
  payloads: readonly string[],
): Promise<readonly string[]> {
  const [digest] = await expressions(query, table, undefined);
  const rows = await query(
    `SELECT ${digest('p.row')} AS digest FROM unnest($1::text[]) WITH ORDINALITY AS held(payload, n),
            LATERAL (SELECT jsonb_populate_record(NULL::${sqlName(table)}, held.payload::jsonb) AS row) p ORDER BY n`,
    [payloads],
  );
  return rows.map((row) => String(row['digest']));
}

type Expression = (row: string) => string;

/** SQL for the digest of a row without the columns that no payload shows, and for whether a row is gone. */
async function expressions(
  query: OracleQuery,
  table: HistoryTable,
  softDelete: string | undefined,
): Promise<readonly [digest: Expression, gone: Expression]> {
  const hidden = await hiddenColumns(query, table);
  return [
    (row) => `md5((to_jsonb(${row}) - ${hidden})::text)`,
    (row) =>
      softDelete === undefined
        ? 'false'
        : `(to_jsonb(${row}) ->> ${literal(softDelete)} IS NOT NULL)`,
  ];
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
