/** Runs a statement on the captured database; values as node-postgres gives them. */
export type OracleQuery = (
  sql: string,
  values?: readonly unknown[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** A table whose committed changes are written down. */
export interface HistoryTable {
  readonly schema: string;
  readonly name: string;
  /** Columns of the record key, in order. */
  readonly key: readonly string[];
}

/** A key as a record id: its text, or a JSON array of texts. */
export function recordId(key: unknown): string {
  if (!Array.isArray(key)) return '';
  return key.length === 1 ? String(key[0]) : JSON.stringify(key.map(String));
}

export function sqlName(table: HistoryTable): string {
  return `${identifier(table.schema)}.${identifier(table.name)}`;
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The columns that no payload shows as an SQL array: the library's own, and generated ones. */
export async function hiddenColumns(query: OracleQuery, table: HistoryTable): Promise<string> {
  const rows = await query(
    `SELECT coalesce(array_agg(quote_literal(attname)), '{}') AS names FROM pg_attribute a
      WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
        AND (attname = ANY ($2) OR to_jsonb(a) ->> 'attgenerated' <> '')`,
    [sqlName(table), OWN_COLUMNS],
  );
  const names = rows[0]?.['names'];
  return `ARRAY[${Array.isArray(names) ? names.join(', ') : ''}]::text[]`;
}

/** What setup and write-back add to a table; see `OWN_COLUMNS` of the postgres package. */
const OWN_COLUMNS: readonly string[] = [
  'certyo_record_hash',
  'certyo_anchor_status',
  'certyo_verified_at',
  'certyo_xid',
];
