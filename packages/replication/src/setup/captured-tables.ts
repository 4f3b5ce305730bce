import { tableLabel } from '@certyo-cdc/core/internal';
import {
  type QualifiedName,
  resolveTables,
  type SqlExecutor,
  type TableDescription,
} from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';

/** The tables that are captured now, and the partitions of those that are partitioned. */
export interface CapturedTables {
  /** Those of the option `tables`, then those of the schemas. */
  readonly tables: readonly TableDescription[];
  /** Whose rows are written to: their replica identity counts, not that of the table above them. */
  readonly partitions: readonly TableDescription[];
  /** The option `keys`, with that of a partitioned table for each of its partitions. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
}

// What lies in a partition is captured with its root; unlogged and temporary tables are not in the log.
const IN_SCHEMAS_SQL = `
  SELECT n.nspname::text AS schema, c.relname::text AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
   ORDER BY n.nspname, c.relname`;

const PARTITIONS_SQL = `
  SELECT n.nspname::text AS schema, c.relname::text AS name, r.oid::text AS root
    FROM pg_catalog.unnest($1::oid[]) AS r(oid)
   CROSS JOIN LATERAL pg_catalog.pg_partition_tree(r.oid) AS t
    JOIN pg_catalog.pg_class c ON c.oid = t.relid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE t.isleaf AND c.oid <> r.oid AND c.relkind = 'r'`;

/** Looks up what the options capture. Rejects with `SourceSetupError` for what is missing or no table. */
export async function resolveCaptured(
  session: SqlExecutor,
  settings: Pick<ReplicationSettings, 'tables' | 'schemas' | 'keys'>,
  options: { readonly signal: AbortSignal },
): Promise<CapturedTables> {
  const inSchemas: readonly QualifiedName[] =
    settings.schemas.length === 0
      ? []
      : (await session.query<QualifiedName>(IN_SCHEMAS_SQL, [settings.schemas], options)).rows;
  const names = [...settings.tables, ...inSchemas].map(({ schema, name }) => ({ schema, name }));
  const tables = await resolveTables(session, names, options);
  const roots = tables.filter((table) => table.isPartitioned);
  if (roots.length === 0) return { tables, partitions: [], keys: settings.keys };
  const { rows } = await session.query<QualifiedName & { readonly root: string }>(
    PARTITIONS_SQL,
    [roots.map((root) => String(root.oid))],
    options,
  );
  const keys: Record<string, readonly string[]> = { ...settings.keys };
  for (const row of rows) {
    const root = roots.find(({ oid }) => oid === Number(row.root));
    const key =
      root === undefined ? undefined : (settings.keys[tableLabel(root)] ?? root.primaryKey);
    if (key !== undefined && key.length > 0) keys[tableLabel(row)] = key;
  }
  const partitions = await resolveTables(
    session,
    rows.map(({ schema, name }) => ({ schema, name })),
    options,
  );
  return { tables, partitions, keys };
}
