import { type SqlExecutor, TRIGGER_VERSION_SQL } from '@certyo-cdc/postgres';

/** A watched table or a partition of one, with what the catalog has of its triggers. */
export interface WatchedRelation {
  /** Oid of the watched table. */
  readonly root: number;
  readonly oid: string;
  readonly isRoot: boolean;
  /** With its schema. */
  readonly name: string;
  /** The transaction that made it. */
  readonly bornOf: string;
  /** `tgenabled` by name. */
  readonly enabled: Readonly<Record<string, string>>;
  /** By name. On partitions without those for each statement, which are not their table's. */
  readonly versions: Readonly<Record<string, string>>;
}

interface Row {
  readonly root: string;
  readonly oid: string;
  readonly name: string;
  readonly born_of: string;
  readonly triggers: string;
}

interface TriggerRow {
  readonly name: string;
  readonly enabled: string;
  readonly version: string;
  readonly isStatement: boolean;
}

/** $1 oids of tables, $2 names of triggers: a row per table and partition. `ctid` in pg_attribute is as old as its table. */
const SQL = `
SELECT w.oid::text AS root, c.oid::text AS oid, n.nspname || '.' || c.relname AS name, a.xmin::text AS born_of,
       coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                   'name', t.tgname, 'enabled', t.tgenabled, 'version', ${TRIGGER_VERSION_SQL}, 'isStatement', t.tgtype & 1 = 0))
                   FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                  WHERE t.tgrelid = c.oid AND t.tgname = ANY ($2::text[])), '[]')::text AS triggers
  FROM pg_catalog.unnest($1::oid[]) AS w(oid)
 CROSS JOIN LATERAL (SELECT w.oid UNION SELECT q.relid::oid FROM pg_catalog.pg_partition_tree(w.oid::regclass) q) AS r(oid)
  JOIN pg_catalog.pg_class c ON c.oid = r.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'ctid'`;

/** Reads them in one statement. */
export async function readTriggerVersions(
  session: SqlExecutor,
  watched: { readonly tables: readonly number[]; readonly names: readonly string[] },
  options: { readonly signal: AbortSignal },
): Promise<readonly WatchedRelation[]> {
  const { rows } = await session.query<Row>(
    SQL,
    [`{${watched.tables.join(',')}}`, watched.names],
    options,
  );
  return rows.map((row) => {
    const isRoot = row.oid === row.root;
    const triggers = JSON.parse(row.triggers) as readonly TriggerRow[];
    return {
      root: Number(row.root),
      oid: row.oid,
      isRoot,
      name: row.name,
      bornOf: row.born_of,
      enabled: Object.fromEntries(triggers.map(({ enabled, name }) => [name, enabled])),
      versions: Object.fromEntries(
        triggers
          .filter(({ isStatement }) => isRoot || !isStatement)
          .map(({ name, version }) => [name, version]),
      ),
    };
  });
}
