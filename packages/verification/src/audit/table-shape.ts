import {
  type ColumnInfo,
  ConfigurationError,
  SourceSetupError,
  type TableInfo,
} from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  type ColumnDescription,
  createTypeRegistry,
  OWN_COLUMNS,
  qualifiedName,
  quoteIdentifier,
  readTypeDescriptors,
  resolveTables,
  type SqlExecutor,
  type TypeRegistry,
} from '@certyo-cdc/postgres';

import { type KeyOperators, readKeyOperators } from '../store/key-operators.ts';
import type { AuditedTable } from './options.ts';

/** A column of the key, as rows are looked up and ordered by it. */
export interface KeyColumn {
  readonly name: string;
  readonly operators: KeyOperators;
  /** Its place among the columns that are read. */
  readonly index: number;
}

/** What a table is like while it is audited. */
export interface TableShape {
  readonly settings: AuditedTable;
  readonly label: string;
  /** Quoted, behind ONLY where it has no partitions. */
  readonly from: string;
  readonly info: TableInfo;
  /** The columns that are read, in their order, generated ones too. */
  readonly columns: readonly ColumnDescription[];
  readonly key: readonly KeyColumn[];
  readonly types: TypeRegistry;
  /** Whether a column was ever dropped: then a column that is gone need not have been renamed. */
  readonly hasDropped: boolean;
  /** Roughly how many rows it has; null where nobody has counted. */
  readonly estimate: number | null;
}

/**
 * Describes a table as it is now.
 *
 * @throws SourceSetupError for a table that is not there, has no key, or may not be read as a whole.
 */
export async function describeTable(
  executor: SqlExecutor,
  settings: AuditedTable,
  { database, signal }: { readonly database: string; readonly signal: AbortSignal },
): Promise<TableShape> {
  const label = tableLabel(settings);
  const [found] = await resolveTables(executor, [settings], { signal });
  if (found === undefined) throw new SourceSetupError(`${label} does not exist.`);
  const name = qualifiedName(found);
  const { dropped, role, rows, secured } = await readMore(executor, found.oid, signal);
  if (!found.maySelect) {
    throw new SourceSetupError(`The role "${role}" may not read all columns of ${label}.`, {
      remedy: `Run as the table's owner: GRANT SELECT ON ${name} TO ${quoteIdentifier(role)};`,
    });
  }
  if (secured) {
    throw new SourceSetupError(
      `Row level security hides rows of ${label} from the role "${role}".`,
      {
        remedy: `Run as a superuser: ALTER ROLE ${quoteIdentifier(role)} BYPASSRLS;`,
      },
    );
  }
  const keyNames = settings.key ?? found.primaryKey;
  if (keyNames.length === 0) {
    throw new SourceSetupError(`${label} has no primary key, so nothing names its records.`, {
      remedy: `Give the table the option \`key\` that its source has.`,
    });
  }
  const { columns } = found;
  const operators = await readKeyOperators(executor, found.oid, keyNames, { signal });
  const key = operators.map((own, index) => keyColumn(label, keyNames[index] ?? '', own, columns));
  for (const end of ['from', 'to'] as const) {
    if ((settings[end]?.length ?? 0) > key.length) {
      throw new ConfigurationError(
        end,
        `\`${end}\` of ${label} has more values than its key has columns.`,
      );
    }
  }
  const types = createTypeRegistry();
  const missing = types.missing(columns.map(({ typeOid }) => typeOid));
  if (missing.length > 0) {
    const query = async (sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> =>
      (await executor.query(sql, [], { signal })).rows;
    types.add(await readTypeDescriptors(query, missing));
  }
  return {
    settings,
    label,
    from: found.isPartitioned ? name : `ONLY ${name}`,
    columns,
    key,
    types,
    hasDropped: dropped,
    estimate: rows,
    info: {
      database,
      schema: found.schema,
      name: found.name,
      oid: found.oid,
      columns: columns
        .filter(({ generated, name: column }) => generated === null && !OWN_COLUMNS.has(column))
        .map((column) => columnInfo(column, keyNames)),
    },
  };
}

/** A column as events show it. */
export function columnInfo(column: ColumnDescription, keyNames: readonly string[]): ColumnInfo {
  return {
    name: column.name,
    typeOid: column.typeOid,
    typeName: column.typeName,
    isKey: keyNames.includes(column.name),
    nullable: !column.isNotNull,
  };
}

function keyColumn(
  label: string,
  name: string,
  operators: KeyOperators,
  columns: readonly ColumnDescription[],
): KeyColumn {
  const index = columns.findIndex((column) => column.name === name);
  const column = columns[index];
  if (column === undefined) {
    throw new ConfigurationError('key', `The key column "${name}" of ${label} does not exist.`);
  }
  if (!column.isNotNull) {
    throw new SourceSetupError(
      `The key column "${name}" of ${label} may be null: rows cannot be read in its order.`,
      {
        remedy: `Run: ALTER TABLE ${label} ALTER COLUMN ${quoteIdentifier(name)} SET NOT NULL;`,
      },
    );
  }
  return { name, operators, index };
}

async function readMore(
  executor: SqlExecutor,
  oid: number,
  signal: AbortSignal,
): Promise<{
  readonly dropped: boolean;
  readonly secured: boolean;
  readonly role: string;
  readonly rows: number | null;
}> {
  const { rows } = await executor.query<{
    readonly dropped: string;
    readonly secured: string;
    readonly role: string;
    readonly rows: string | null;
  }>(
    `SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND a.attisdropped)::text AS dropped,
  pg_catalog.row_security_active($1::oid)::text AS secured, current_user::text AS role,
  (SELECT pg_catalog.sum(c.reltuples)::int8::text FROM pg_catalog.pg_class c WHERE c.reltuples >= 0 AND (c.oid = $1::oid
    OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree($1::oid::regclass) AS p WHERE p.isleaf))) AS rows`,
    [oid],
    { signal },
  );
  const row = rows[0];
  return {
    dropped: row?.dropped === 'true',
    secured: row?.secured === 'true',
    role: row?.role ?? '',
    rows: row?.rows == null ? null : Number(row.rows),
  };
}
