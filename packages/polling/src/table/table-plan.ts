import { type ColumnInfo, GapError, SourceSetupError, type TableInfo } from '@certyo-cdc/core';
import {
  type ColumnDescription,
  createRowDescriptor,
  OWN_COLUMNS,
  qualifiedName,
  readTypeDescriptors,
  resolveTables,
  type RowDescriptor,
  type SqlSession,
  type TableDescription,
  type TypeRegistry,
} from '@certyo-cdc/postgres';
import type { TableSettings } from '../settings.ts';
import { headerSql, parseHeader } from './header-sql.ts';
import { type KeyedTable, readKeyedTable } from '../deletes/keyed-table.ts';
import type { OrderedColumn } from './key-order.ts';
import { leadOf, type LeadColumn } from './lead-column.ts';
import { missingColumn } from './missing-column.ts';

/** How the rows of one version of one table are read and decoded. */
export interface TablePlan {
  readonly settings: TableSettings;
  readonly oid: number;
  /** As the header of a page names the columns. */
  readonly fingerprint: string;
  readonly table: TableInfo;
  /** The columns that are read, in the order of the table. */
  readonly columns: readonly ColumnDescription[];
  readonly descriptor: RowDescriptor;
  readonly key: readonly OrderedColumn[];
  /** How rows are looked up by the key. */
  readonly keyed: KeyedTable;
  readonly lead: LeadColumn;
  /** Place of the soft-delete column, or null. */
  readonly softDelete: { readonly index: number; readonly isBoolean: boolean } | null;
  /** Place of the column that tells when the row was written, or null. */
  readonly stampIndex: number | null;
  /** Columns that the role may not read: they are left out. */
  readonly hidden: readonly string[];
}

export interface PlanOptions {
  readonly database: string;
  readonly types: TypeRegistry;
  readonly signal: AbortSignal;
}

/** How often a table may change while it is described. */
const ATTEMPTS = 5;

/**
 * Describes a table as it is now.
 *
 * @throws SourceSetupError for a table that cannot be polled as its options say, with the SQL.
 */
export async function planTable(
  session: SqlSession,
  settings: TableSettings,
  options: PlanOptions,
): Promise<TablePlan> {
  for (let attempt = 0; ; attempt++) {
    const [description] = await resolveTables(session, [settings], options);
    if (description === undefined) throw new SourceSetupError(`${settings.label} does not exist.`);
    const before = await readHeader(session, settings, options);
    const readable = await readableColumns(session, description, options);
    const [again] = await resolveTables(session, [settings], options);
    const after = await readHeader(session, settings, options);
    const isSame =
      before.columns === after.columns &&
      before.oid === after.oid &&
      JSON.stringify(again) === JSON.stringify(description);
    if (isSame) return plan(session, settings, description, readable, before.columns, options);
    if (attempt === ATTEMPTS) {
      throw new GapError('GAP_TABLE', `${settings.label} changes all the time.`, {
        remedy: 'Start again when its definition has settled.',
      });
    }
  }
}

async function readHeader(
  session: SqlSession,
  settings: TableSettings,
  options: PlanOptions,
): Promise<ReturnType<typeof parseHeader>> {
  const { rows } = await session.query<{ readonly header: string }>(
    `SELECT ${headerSql(settings, null)} AS header`,
    [],
    options,
  );
  return parseHeader(rows[0]?.header ?? '[]');
}

async function readableColumns(
  session: SqlSession,
  description: TableDescription,
  options: PlanOptions,
): Promise<ReadonlySet<string>> {
  const { rows } = await session.query<{ readonly name: string }>(
    `SELECT a.attname AS name FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
        AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT')`,
    [description.oid],
    options,
  );
  return new Set(rows.map(({ name }) => name));
}

async function plan(
  session: SqlSession,
  settings: TableSettings,
  description: TableDescription,
  readable: ReadonlySet<string>,
  fingerprint: string,
  options: PlanOptions,
): Promise<TablePlan> {
  const { label } = settings;
  const { types } = options;
  const own = description.columns.filter(
    ({ name, generated }) => generated === null && !OWN_COLUMNS.has(name),
  );
  const columns = own.filter(({ name }) => readable.has(name));
  const missing = types.missing(columns.map(({ typeOid }) => typeOid));
  if (missing.length > 0) {
    const query = async (sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> =>
      (await session.query(sql, [], options)).rows;
    types.add(await readTypeDescriptors(query, missing));
  }
  const keyNames = settings.key ?? description.primaryKey;
  if (keyNames.length === 0) {
    throw new SourceSetupError(`${label} has no primary key, so nothing names its records.`, {
      remedy: `Set the option keys['${label}'] to columns with a unique index.`,
    });
  }
  const places = keyNames.map((name) => keyPlace(name, columns, settings));
  const keyed = await readKeyedTable(session, description, keyNames, options);
  const key = keyed.key.map((column, index) => ({ ...column, index: places[index] ?? 0 }));
  const table: TableInfo = {
    database: options.database,
    schema: description.schema,
    name: description.name,
    oid: description.oid,
    columns: columns.map((column): ColumnInfo => ({
      name: column.name,
      typeOid: column.typeOid,
      typeName: column.typeName,
      isKey: keyNames.includes(column.name),
      nullable: !column.isNotNull,
    })),
  };
  const placeOf = (name: string | null, what: string): number | null => {
    if (name === null) return null;
    const index = columns.findIndex((column) => column.name === name);
    if (index >= 0) return index;
    throw missingColumn(label, name, what, description, readable);
  };
  const { cursor } = settings;
  const stamp = cursor.kind === 'timestamp' ? cursor.column : settings.lastUpdate;
  const softDelete = placeOf(settings.softDelete, 'softDelete');
  return Object.freeze({
    settings,
    oid: description.oid,
    fingerprint,
    table,
    columns,
    descriptor: createRowDescriptor({ table, registry: types, keyColumns: keyNames }),
    key,
    keyed,
    lead: leadOf(settings, description, readable),
    softDelete:
      softDelete === null
        ? null
        : { index: softDelete, isBoolean: columns[softDelete]?.typeOid === BOOLEAN },
    stampIndex: placeOf(stamp, 'lastUpdate'),
    hidden: own.filter(({ name }) => !readable.has(name)).map(({ name }) => name),
  });
}

const BOOLEAN = 16;

function keyPlace(
  name: string,
  columns: readonly ColumnDescription[],
  settings: TableSettings,
): number {
  const index = columns.findIndex((column) => column.name === name);
  const column = columns[index];
  if (column === undefined) {
    throw new SourceSetupError(
      `The key column "${name}" of ${settings.label} does not exist, is generated, or may not be read.`,
      { remedy: `Correct the option keys['${settings.label}'], or grant SELECT on it.` },
    );
  }
  if (!column.isNotNull) {
    throw new SourceSetupError(`The key column "${name}" of ${settings.label} may be null.`, {
      remedy: `Run: ALTER TABLE ${qualifiedName(settings)} ALTER COLUMN "${name}" SET NOT NULL;`,
    });
  }
  return index;
}
