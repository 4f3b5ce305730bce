import type { RowChange, TableInfo } from '@certyo-cdc/core';
import type { Client } from 'pg';

import { readTypeDescriptors } from '../../values/type-descriptor.ts';
import { createTypeRegistry } from '../../values/type-registry.ts';
import { createRowChange } from '../row-change.ts';
import { createRowDescriptor, type RowDescriptor } from '../row-descriptor.ts';
import { type Tuple, tupleFromTexts } from '../tuple.ts';

const RAW = { getTypeParser: () => (text: unknown) => text };

/** The descriptor of a table as the catalog of the connected database has it. */
export async function describeTable(client: Client, name: string): Promise<RowDescriptor> {
  const { rows } = await client.query<{
    column: string;
    type_oid: string;
    type_name: string;
    is_key: boolean;
    nullable: boolean;
    schema: string;
    table: string;
    oid: string;
  }>(
    `SELECT a.attname::text AS column, a.atttypid::text AS type_oid,
            format_type(a.atttypid, a.atttypmod) AS type_name, NOT a.attnotnull AS nullable,
            coalesce(a.attnum = ANY (i.indkey), false) AS is_key,
            n.nspname::text AS schema, c.relname::text AS table, c.oid::text AS oid
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
      WHERE c.oid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [name],
  );
  const table: TableInfo = {
    database: String(client.database),
    schema: rows[0]?.schema ?? '',
    name: rows[0]?.table ?? '',
    oid: Number(rows[0]?.oid),
    columns: rows.map((row) => ({
      name: row.column,
      typeOid: Number(row.type_oid),
      typeName: row.type_name,
      isKey: row.is_key,
      nullable: row.nullable,
    })),
  };
  const registry = createTypeRegistry();
  const missing = registry.missing(table.columns.map(({ typeOid }) => typeOid));
  registry.add(
    await readTypeDescriptors(
      async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
      missing,
    ),
  );
  return createRowDescriptor({ table, registry });
}

/** Every row of a table as the texts that the types' output functions print, ordered by the first column. */
export async function rowTexts(client: Client, name: string): Promise<(string | null)[][]> {
  const { rows } = await client.query<(string | null)[]>({
    text: `SELECT * FROM ${name} ORDER BY 1`,
    rowMode: 'array',
    types: RAW,
  });
  return rows;
}

/** The insert of a row. */
export function insertOf(descriptor: RowDescriptor, after: Tuple): RowChange {
  return createRowChange({
    descriptor,
    operation: 'insert',
    id: 'event',
    version: 'version',
    transaction: null,
    source: { kind: 'test', name: 'test', systemIdentifier: null },
    before: null,
    after,
  });
}

/** Every row of a table as an event. */
export async function captureRows(client: Client, name: string): Promise<RowChange[]> {
  const descriptor = await describeTable(client, name);
  const rows = await rowTexts(client, name);
  return rows.map((texts) => insertOf(descriptor, tupleFromTexts(texts)));
}
