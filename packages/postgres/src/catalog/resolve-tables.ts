import { SourceSetupError } from '@certyo-cdc/core';
import { nearestName, tableLabel } from '@certyo-cdc/core/internal';

import type { SqlExecutor } from '../connection/sql-executor.ts';
import { qualifiedName, type QualifiedName } from '../identifier/quote.ts';
import { parseTableName, type TableName } from '../identifier/table-name.ts';
import { columnsSql, indexColumnsSql, TABLE_NAMES_SQL, TABLES_SQL } from './sql.ts';
import type { ColumnDescription, ReplicaIdentity, TableDescription } from './table-description.ts';

interface TableRow {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly persistence: string;
  readonly replica_identity: string;
  readonly is_partition: string;
  readonly has_row_security: string;
  readonly owner: string;
  readonly parent_oid: string | null;
  readonly may_select: string;
  readonly primary_index: string | null;
  readonly replica_index: string | null;
}

interface ColumnRow {
  readonly table_oid: string;
  readonly number: string;
  readonly name: string;
  readonly type_oid: string;
  readonly type_modifier: string;
  readonly type_name: string;
  readonly not_null: string;
  readonly generated: string;
  readonly identity: string;
  readonly storage: string;
}

interface IndexRow {
  readonly index_oid: string;
  readonly index_name: string;
  readonly column_name: string;
}

const REPLICA_IDENTITY: Readonly<Record<string, ReplicaIdentity>> = {
  d: 'default',
  n: 'nothing',
  f: 'full',
  i: 'index',
};

/** Why a relation that is not a table cannot be captured. */
const NOT_A_TABLE: Readonly<Record<string, string>> = {
  v: 'is a view: capture the tables beneath it',
  m: 'is a materialized view: capture the tables beneath it',
  f: 'is a foreign table: capture it on the server where it lives',
  S: 'is a sequence',
  i: 'is an index',
  I: 'is an index',
  c: 'is a composite type',
  t: 'is a TOAST table',
};

/**
 * Looks tables up by name, in the order of `names`, each once. Rejects with `SourceSetupError` naming all that are
 * missing (and the nearest name), are no tables, or write no WAL (unlogged, temporary).
 */
export async function resolveTables(
  session: SqlExecutor,
  names: readonly TableName[],
  options: { readonly signal: AbortSignal },
): Promise<readonly TableDescription[]> {
  const wanted = unique(names.map((name) => parseTableName(name)));
  const { rows } = await session.query<TableRow>(
    TABLES_SQL,
    [wanted.map((name) => name.schema), wanted.map((name) => name.name)],
    options,
  );
  const found = new Map(rows.map((row) => [qualifiedName(row), row]));
  const ordered = wanted.map((name) => ({ name, row: found.get(qualifiedName(name)) }));
  const problems: string[] = [];
  const missing = ordered.filter((entry) => entry.row === undefined).map((entry) => entry.name);
  if (missing.length > 0) problems.push(...(await explainMissing(session, missing, options)));
  const tables = ordered.flatMap(({ row }) => (row === undefined ? [] : [row]));
  problems.push(...tables.flatMap((row) => explainUnfit(row)));
  if (problems.length > 0)
    throw new SourceSetupError(`Tables cannot be captured: ${problems.join('; ')}.`);
  return await describe(session, tables, options);
}

function unique(names: readonly QualifiedName[]): readonly QualifiedName[] {
  return [...new Map(names.map((name) => [qualifiedName(name), name])).values()];
}

function explainUnfit(row: TableRow): readonly string[] {
  const name = qualifiedName(row);
  if (row.kind !== 'r' && row.kind !== 'p')
    return [`${name} ${NOT_A_TABLE[row.kind] ?? 'is not a table'}`];
  if (row.persistence === 'u')
    return [
      `${name} is unlogged, its changes are not in the log (run: ALTER TABLE ${name} SET LOGGED)`,
    ];
  if (row.persistence === 't') return [`${name} is temporary`];
  return [];
}

async function explainMissing(
  session: SqlExecutor,
  missing: readonly QualifiedName[],
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const { rows } = await session.query<{ schema: string; name: string }>(
    TABLE_NAMES_SQL,
    [],
    options,
  );
  const known = rows.map(tableLabel);
  return missing.map((name) => {
    const elsewhere = rows.find((row) => row.name === name.name);
    const near =
      elsewhere === undefined ? nearestName(tableLabel(name), known) : tableLabel(elsewhere);
    const hint = near === null ? '' : ` (did you mean ${near}?)`;
    return `${qualifiedName(name)} does not exist${hint}`;
  });
}

async function describe(
  session: SqlExecutor,
  tables: readonly TableRow[],
  options: { readonly signal: AbortSignal },
): Promise<readonly TableDescription[]> {
  if (tables.length === 0) return [];
  const version = await session.query<{ readonly number: string }>(
    "SELECT current_setting('server_version_num') AS number",
    [],
    options,
  );
  const versionNumber = Number(version.rows[0]?.number ?? 0);
  const columns = await session.query<ColumnRow>(
    columnsSql(versionNumber),
    [tables.map((row) => row.oid)],
    options,
  );
  const indexOids = tables.flatMap((row) => [row.primary_index, row.replica_index]);
  const indexes = await session.query<IndexRow>(
    indexColumnsSql(versionNumber),
    [indexOids.filter((oid) => oid !== null)],
    options,
  );
  const columnsByTable = grouped(columns.rows, (column) => column.table_oid);
  const byIndex = grouped(indexes.rows, (entry) => entry.index_oid);
  return tables.map((row) => toDescription(row, columnsByTable.get(row.oid) ?? [], byIndex));
}

/** There may be thousands of tables, so nothing goes through all rows for each of them. */
function grouped<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}

function toDescription(
  row: TableRow,
  columns: readonly ColumnRow[],
  indexes: ReadonlyMap<string, readonly IndexRow[]>,
): TableDescription {
  const columnsOf = (index: string | null): readonly string[] =>
    (indexes.get(index ?? '') ?? []).map((entry) => entry.column_name);
  const primaryKey = columnsOf(row.primary_index);
  const replicaIdentity = REPLICA_IDENTITY[row.replica_identity] ?? 'default';
  const replicaIndexColumns = columnsOf(row.replica_index);
  return {
    oid: Number(row.oid),
    schema: row.schema,
    name: row.name,
    owner: row.owner,
    isPartitioned: row.kind === 'p',
    isPartition: row.is_partition === 'true',
    parentOid: row.parent_oid === null ? null : Number(row.parent_oid),
    hasRowSecurity: row.has_row_security === 'true',
    maySelect: row.may_select === 'true',
    columns: columns.map((column) => toColumn(column)),
    primaryKey,
    replicaIdentity,
    replicaIndex: indexes.get(row.replica_index ?? '')?.[0]?.index_name ?? null,
    replicaIdentityColumns:
      replicaIdentity === 'full'
        ? columns.filter((column) => column.generated === '').map((column) => column.name)
        : replicaIdentity === 'index'
          ? replicaIndexColumns
          : replicaIdentity === 'default'
            ? primaryKey
            : [],
  };
}

function toColumn(row: ColumnRow): ColumnDescription {
  return {
    number: Number(row.number),
    name: row.name,
    typeOid: Number(row.type_oid),
    typeModifier: Number(row.type_modifier),
    typeName: row.type_name,
    isNotNull: row.not_null === 'true',
    generated: row.generated === 's' ? 'stored' : row.generated === 'v' ? 'virtual' : null,
    identity: row.identity === 'a' ? 'always' : row.identity === 'd' ? 'by-default' : null,
    mayBeToasted: row.storage !== 'p',
  };
}
