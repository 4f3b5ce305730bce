import type { RelationMessage } from '../protocol/pgoutput.ts';
import type { TextQuery } from './text-query.ts';

/** What the catalog adds to a relation message. Absent columns have been dropped since. */
export interface RelationCatalogEntry {
  /** `format_type` of each column of the message, in order. */
  readonly typeNames: readonly string[];
  readonly columns: ReadonlyMap<
    string,
    { readonly nullable: boolean; readonly generated: boolean }
  >;
  /** Columns of the primary key in key order; null when the table has none or is gone. */
  readonly primaryKey: readonly string[] | null;
}

// attgenerated exists since PostgreSQL 12; reading it through to_json keeps one statement for all versions.
const COLUMNS_SQL = `
  SELECT a.attname::text AS name, a.attnotnull::text AS not_null,
         coalesce(pg_catalog.to_json(a) ->> 'attgenerated', '') AS generated
    FROM pg_catalog.pg_attribute a
   WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped`;

const PRIMARY_KEY_SQL = `
  SELECT a.attname::text AS name
    FROM pg_catalog.pg_index i
   CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k(attnum, n)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
   WHERE i.indrelid = $1::pg_catalog.oid AND i.indisprimary
   ORDER BY k.n`;

const TYPE_NAMES_SQL = `
  SELECT pg_catalog.format_type(t.oid, t.modifier) AS name
    FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int4[]))
         WITH ORDINALITY AS t(oid, modifier, n)
   ORDER BY t.n`;

/** Reads what the stream does not say about a relation: nullability, generated columns, the primary key's order. */
export async function readRelationCatalog(
  query: TextQuery,
  message: RelationMessage,
): Promise<RelationCatalogEntry> {
  const oid = String(message.oid);
  const columnRows = await query(COLUMNS_SQL, [oid]);
  const keyRows = await query(PRIMARY_KEY_SQL, [oid]);
  const typeRows = await query(TYPE_NAMES_SQL, [
    `{${message.columns.map((column) => column.typeOid).join(',')}}`,
    `{${message.columns.map((column) => column.typeModifier).join(',')}}`,
  ]);
  return {
    typeNames: typeRows.map((row) => row['name'] ?? '???'),
    columns: new Map(
      columnRows.map((row) => [
        row['name'] ?? '',
        { nullable: row['not_null'] !== 'true', generated: (row['generated'] ?? '') !== '' },
      ]),
    ),
    primaryKey: keyRows.length === 0 ? null : keyRows.map((row) => row['name'] ?? ''),
  };
}
