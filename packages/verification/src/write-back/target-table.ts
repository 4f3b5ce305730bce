import type { ColumnInfo, RowChange, TableInfo } from '@certyo-cdc/core';
import {
  createRowChange,
  createRowDescriptor,
  createTypeRegistry,
  OWN_COLUMNS,
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  readTypeDescriptors,
  resolveTables,
  type RowDescriptor,
  type SqlExecutor,
  type TableDescription,
  tupleFromTexts,
  type TypeRegistry,
} from '@certyo-cdc/postgres';

import { type KeyOperators, readKeyOperators } from '../store/key-operators.ts';
import { namesOf, type StatusColumns } from './status-columns.ts';
import { hasTriggerSql } from './status-trigger.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** A column that the catalog has a constant for: rows that were written before it was added show it. */
type MissingValues = ReadonlyMap<string, string>;

/** What has to be known of a table to compare its rows with receipts and to write their status. */
export interface TargetTable {
  readonly name: QualifiedName;
  /** Changes whenever the table does. */
  readonly fingerprint: string;
  readonly description: TableDescription;
  readonly info: TableInfo;
  readonly registry: TypeRegistry;
  readonly key: readonly string[];
  /** Of the key's columns, in its order. */
  readonly keyOperators: readonly KeyOperators[];
  readonly missing: MissingValues;
  readonly status: StatusColumns;
  /** Status columns that it does not have. */
  readonly absent: readonly string[];
  /** Whether the trigger that takes the status from changed rows is there. */
  readonly hasTrigger: boolean;
  /** Whether row level security hides rows from us. */
  readonly isFiltered: boolean;
}

/** How a table is looked at. */
export interface TargetTableOptions extends CallOptions {
  readonly status: StatusColumns;
  /** Schema of the function of the trigger. */
  readonly schema: string;
  /** @default the primary key */
  readonly key?: readonly string[] | undefined;
}

/**
 * Describes a table as it is now.
 *
 * @throws SourceSetupError when it does not exist.
 */
export async function describeTarget(
  executor: SqlExecutor,
  name: QualifiedName,
  options: TargetTableOptions,
): Promise<TargetTable> {
  const { key, schema, status } = options;
  const [description] = await resolveTables(executor, [name], options);
  // It throws for each that it does not find.
  if (description === undefined) throw new TypeError(`${qualifiedName(name)} was not described.`);
  const query = async (sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> =>
    (await executor.query(sql, [], options)).rows;
  const registry = createTypeRegistry();
  registry.add(
    await readTypeDescriptors(query, registry.missing(description.columns.map((c) => c.typeOid))),
  );
  const { rows } = await executor.query<{ readonly name: string; readonly value: string }>(
    MISSING_SQL,
    [description.oid],
    options,
  );
  const found = await executor.query(hasTriggerSql(schema, status), [description.oid], options);
  const [database] = (
    await executor.query<{ readonly name: string; readonly is_filtered: string }>(
      'SELECT pg_catalog.current_database() AS name, pg_catalog.row_security_active($1::oid)::text AS is_filtered',
      [description.oid],
      options,
    )
  ).rows;
  const names = new Set(description.columns.map((column) => column.name));
  const keyNames = key ?? description.primaryKey;
  const facts = { description, rows, hasTrigger: found.rows.length > 0, keyNames };
  return {
    name: { schema: description.schema, name: description.name },
    fingerprint: JSON.stringify(facts),
    description,
    info: tableInfo(description, keyNames, database?.name ?? ''),
    registry,
    key: keyNames,
    keyOperators: await readKeyOperators(executor, description.oid, keyNames, options),
    missing: new Map(rows.map((row) => [row.name, row.value])),
    status,
    absent: namesOf(status).filter((column) => !names.has(column)),
    hasTrigger: found.rows.length > 0,
    isFiltered: database?.is_filtered === 'true',
  };
}

/** $1 oid. */
const MISSING_SQL = `SELECT a.attname AS name, (a.attmissingval::text::text[])[1] AS value
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = $1::oid AND a.atthasmissing AND NOT a.attisdropped AND a.attnum > 0 AND t.typdelim = ',' ORDER BY a.attnum`;

function tableInfo(
  description: TableDescription,
  key: readonly string[],
  database: string,
): TableInfo {
  return {
    database,
    schema: description.schema,
    name: description.name,
    oid: description.oid,
    columns: description.columns.map((column): ColumnInfo => ({
      name: column.name,
      typeOid: column.typeOid,
      typeName: column.typeName,
      isKey: key.includes(column.name),
      nullable: !column.isNotNull,
    })),
  };
}

/** A row as it was read: texts in the order of the table's columns. */
export interface TargetRow {
  readonly texts: readonly (string | null)[];
}

/** Turns rows into the events that a copy would make of them. */
export class RowReader {
  readonly #table: TargetTable;
  readonly #descriptors = new Map<string, RowDescriptor>();

  constructor(table: TargetTable) {
    this.#table = table;
  }

  /** @param generated Which generated columns the row is to show; sources show them only where they were asked to. */
  event(row: TargetRow, generated: readonly string[] = []): RowChange {
    const id = JSON.stringify(generated);
    let descriptor = this.#descriptors.get(id);
    if (descriptor === undefined) {
      descriptor = this.#describe(generated);
      this.#descriptors.set(id, descriptor);
    }
    return createRowChange({
      descriptor,
      operation: 'snapshot',
      id: '',
      version: '',
      transaction: null,
      source: { kind: 'write-back', name: 'write-back', systemIdentifier: null },
      before: null,
      after: tupleFromTexts(row.texts),
    });
  }

  #describe(generated: readonly string[]): RowDescriptor {
    const { description, info, key, registry } = this.#table;
    const omit = description.columns.filter(
      (column) =>
        OWN_COLUMNS.has(column.name) ||
        (column.generated !== null && !generated.includes(column.name)),
    );
    return createRowDescriptor({
      table: info,
      registry,
      omit: omit.map(({ name }) => name),
      keyColumns: key,
    });
  }
}

/** The columns as the types' output functions print them: a cast to text would not do the same for all types. */
export function columnList(table: TargetTable): string {
  return table.description.columns
    .map(({ name }, index) => `t.${quoteIdentifier(name)} AS c${String(index)}`)
    .join(', ');
}

/** Reads a row of a statement that selected `columnList`. */
export function readRow(
  table: TargetTable,
  row: Readonly<Record<string, string | null>>,
): TargetRow {
  return { texts: table.description.columns.map((_, index) => row[`c${String(index)}`] ?? null) };
}

/** The text of a column of a row, or null. */
export function textOf(table: TargetTable, row: TargetRow, column: string): string | null {
  const index = table.description.columns.findIndex(({ name }) => name === column);
  return row.texts[index] ?? null;
}
