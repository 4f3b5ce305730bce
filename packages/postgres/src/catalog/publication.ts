import type { SqlExecutor } from '../connection/sql-executor.ts';
import { publicationSql, publicationTablesSql } from './sql.ts';

/** A table that a publication covers. */
export interface PublicationTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** The columns that it sends, or null for PostgreSQL before 15, where it is all. */
  readonly columns: readonly string[] | null;
  /** The WHERE of the table, or null. */
  readonly rowFilter: string | null;
}

/** A publication as the catalog has it now. */
export interface PublicationDescription {
  readonly oid: number;
  readonly name: string;
  readonly owner: string;
  readonly coversAllTables: boolean;
  readonly insert: boolean;
  readonly update: boolean;
  readonly delete: boolean;
  readonly truncate: boolean;
  readonly viaRoot: boolean;
  /** Oids of the tables that it names itself; a partitioned one stands for its partitions. */
  readonly listed: readonly number[];
  /** The schemas that it covers; empty before PostgreSQL 15. */
  readonly schemas: readonly string[];
  /** What it covers, with the tables of its schemas. */
  readonly tables: readonly PublicationTable[];
}

type FlagName = 'all_tables' | 'insert' | 'update' | 'delete' | 'truncate' | 'via_root';

interface PublicationRow extends Readonly<Record<FlagName, string>> {
  readonly oid: string;
  readonly name: string;
  readonly owner: string;
  readonly listed: string;
  readonly schemas: string;
}

interface PublicationTableRow {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly columns: string | null;
  readonly row_filter: string | null;
}

/** Reads a publication, or null when there is none of this name. */
export async function readPublication(
  session: SqlExecutor,
  name: string,
  options: { readonly signal: AbortSignal },
): Promise<PublicationDescription | null> {
  const version = await session.query<{ readonly number: string }>(
    "SELECT current_setting('server_version_num') AS number",
    [],
    options,
  );
  const versionNumber = Number(version.rows[0]?.number ?? 0);
  const { rows } = await session.query<PublicationRow>(
    publicationSql(versionNumber),
    [name],
    options,
  );
  const row = rows[0];
  if (row === undefined) return null;
  const tables = await session.query<PublicationTableRow>(
    publicationTablesSql(versionNumber),
    [name],
    options,
  );
  return {
    oid: Number(row.oid),
    name: row.name,
    owner: row.owner,
    coversAllTables: row.all_tables === 'true',
    insert: row.insert === 'true',
    update: row.update === 'true',
    delete: row.delete === 'true',
    truncate: row.truncate === 'true',
    viaRoot: row.via_root === 'true',
    listed: JSON.parse(row.listed) as readonly number[],
    schemas: JSON.parse(row.schemas) as readonly string[],
    tables: tables.rows.map((table) => ({
      oid: Number(table.oid),
      schema: table.schema,
      name: table.name,
      columns: table.columns === null ? null : (JSON.parse(table.columns) as readonly string[]),
      rowFilter: table.row_filter,
    })),
  };
}
