import { resolveTables, type SqlExecutor, type TableDescription } from '@certyo-cdc/postgres';
import {
  type PolledTableSpec,
  type PollingSpec,
  pollingObjects,
  replacementsTable,
} from './spec.ts';

/** A trigger as the catalog has it. */
export interface TriggerState {
  readonly relation: number;
  readonly name: string;
  readonly type: number;
  /** `A` always, `O` not for replicated rows, `R` only for those, `D` never. */
  readonly enabled: string;
  readonly isClone: boolean;
  readonly argument: string | null;
  readonly isConditional: boolean;
  readonly hasColumns: boolean;
  readonly function: {
    readonly source: string;
    readonly settings: string;
    readonly isDefiner: boolean;
    readonly isPublic: boolean;
  };
}

/** The table itself, or a partition of it. */
export interface RelationState {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly parent: number | null;
  readonly isPartitioned: boolean;
  /** True when the transaction that made the relation also made its triggers, so that no write can have been missed. */
  readonly bornOf: string;
}

/** An index over plain columns in ascending order. */
export interface IndexState {
  readonly relation: number;
  readonly name: string;
  readonly columns: readonly string[];
  readonly isValid: boolean;
  readonly isUnique: boolean;
  /** The index of the partitioned table that it is part of. */
  readonly parent: string | null;
  readonly oid: number;
}

/** The sequence that fills a column. */
export interface SequenceState {
  readonly schema: string;
  readonly name: string;
  readonly cache: number;
  readonly increment: number;
  readonly cycles: boolean;
}

/** A table as the catalog has it. */
export interface TableState {
  readonly spec: PolledTableSpec;
  readonly table: TableDescription;
  readonly relations: readonly RelationState[];
  readonly triggers: readonly TriggerState[];
  readonly indexes: readonly IndexState[];
  /** Defaults by column, as the server prints them. */
  readonly defaults: ReadonlyMap<string, string>;
  readonly comments: ReadonlyMap<string, string>;
  readonly isFiltered: boolean;
  /** Tables that inherit from it and are no partitions: no trigger of its covers them. */
  readonly heirs: readonly string[];
  /** The sequence of the cursor's column, or null. */
  readonly sequence: SequenceState | null;
}

/** What there is of everything that setup makes. */
export interface PollingState {
  readonly versionNumber: number;
  readonly user: string;
  readonly hasSchema: boolean;
  /** Names of the source's tables that exist in the state schema. */
  readonly objects: ReadonlySet<string>;
  /** Bodies of the trigger functions in the state schema, by name. */
  readonly functions: ReadonlyMap<string, string>;
  readonly tables: readonly TableState[];
}

interface Options {
  readonly signal: AbortSignal;
}

/** Reads the catalog; needs no right on the tables. */
export async function readPollingState(
  session: SqlExecutor,
  spec: PollingSpec,
  options: Options,
): Promise<PollingState> {
  const descriptions = await resolveTables(
    session,
    spec.tables.map(({ table }) => table),
    options,
  );
  const objects = [...Object.values(pollingObjects(spec)), replacementsTable(spec)];
  const names = objects.map(({ name }) => name);
  const { rows } = await session.query<{
    readonly version: string;
    readonly user: string;
    readonly has_schema: string;
    readonly objects: string;
    readonly functions: string;
  }>(
    `SELECT pg_catalog.current_setting('server_version_num') AS version, current_user::text AS user,
            EXISTS (SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname = $1)::text AS has_schema,
            coalesce((SELECT pg_catalog.json_agg(c.relname) FROM pg_catalog.pg_class c
                        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                       WHERE n.nspname = $1 AND c.relname = ANY ($2::text[]) AND c.relkind = 'r'), '[]')::text AS objects,
            coalesce((SELECT pg_catalog.json_object_agg(p.proname, p.prosrc) FROM pg_catalog.pg_proc p
                        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                       WHERE n.nspname = $1 AND p.pronargs = 0 AND p.prorettype = 'pg_catalog.trigger'::regtype), '{}')::text AS functions`,
    [spec.schema, names],
    options,
  );
  const tables: TableState[] = [];
  for (const [index, tableSpec] of spec.tables.entries()) {
    const table = descriptions[index];
    if (table !== undefined) tables.push(await readTable(session, tableSpec, table, options));
  }
  return {
    versionNumber: Number(rows[0]?.version ?? 0),
    user: rows[0]?.user ?? '',
    hasSchema: rows[0]?.has_schema === 'true',
    objects: new Set(JSON.parse(rows[0]?.objects ?? '[]') as string[]),
    functions: new Map(
      Object.entries(JSON.parse(rows[0]?.functions ?? '{}') as Record<string, string>),
    ),
    tables,
  };
}

/** $1 oid. The partitions come from pg_partition_tree, which has no row for a table that is not partitioned. */
const RELATIONS = `
  SELECT $1::oid AS oid UNION SELECT p.relid::oid FROM pg_catalog.pg_partition_tree($1::oid::regclass) p`;

/** `ctid` in pg_attribute is as old as its table and is never updated. */
const RELATIONS_SQL = `
SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS "isPartitioned",
       CASE WHEN c.relispartition AND c.oid <> $1::oid THEN (SELECT i.inhparent::int8 FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid) END AS parent,
       (SELECT a.xmin::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'ctid') AS "bornOf"
  FROM (${RELATIONS}) r JOIN pg_catalog.pg_class c ON c.oid = r.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 ORDER BY c.oid <> $1::oid, c.oid`;

const TRIGGERS_SQL = `
SELECT t.tgrelid::int8 AS relation, t.tgname AS name, t.tgtype AS type, t.tgenabled AS enabled,
       t.tgparentid <> 0 AS "isClone", CASE WHEN t.tgnargs > 0 THEN pg_catalog.encode(t.tgargs, 'escape') END AS argument,
       t.tgqual IS NOT NULL AS "isConditional", t.tgattr::text <> '' AS "hasColumns",
       pg_catalog.json_build_object('source', p.prosrc, 'settings', coalesce(pg_catalog.array_to_string(p.proconfig, E'\\n'), ''),
         'isDefiner', p.prosecdef, 'isPublic', pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')) AS function
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
 WHERE NOT t.tgisinternal AND t.tgrelid IN (${RELATIONS}) OR t.tgparentid <> 0 AND t.tgrelid IN (${RELATIONS})
 ORDER BY t.tgrelid, t.tgname`;

const INDEXES_SQL = `
SELECT x.indrelid::int8 AS relation, c.relname AS name, x.indexrelid::int8 AS oid, x.indisvalid AND x.indisready AS "isValid", x.indisunique AS "isUnique",
       (SELECT i.inhparent::int8::text FROM pg_catalog.pg_inherits i WHERE i.inhrelid = x.indexrelid) AS parent,
       (SELECT pg_catalog.json_agg(a.attname ORDER BY k.n) FROM pg_catalog.unnest(x.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum WHERE k.n <= x.indnkeyatts) AS columns
  FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid JOIN pg_catalog.pg_am m ON m.oid = c.relam
 WHERE x.indrelid IN (${RELATIONS}) AND x.indpred IS NULL AND x.indexprs IS NULL AND m.amname = 'btree'
   AND NOT EXISTS (SELECT 1 FROM pg_catalog.unnest(x.indoption::int2[]) o(bits) WHERE o.bits <> 0)
 ORDER BY x.indrelid, c.relname`;

const COLUMNS_SQL = `
SELECT a.attname AS name, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS "default", pg_catalog.col_description(a.attrelid, a.attnum) AS comment
  FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped`;

/**
 * $1 oid, $2 column. The sequence that the column owns (serial, identity), else the one that its default names.
 * https://www.postgresql.org/docs/current/catalog-pg-depend.html
 */
const SEQUENCE_SQL = `
SELECT n.nspname AS schema, c.relname AS name, s.seqcache AS cache, s.seqincrement AS increment, s.seqcycle AS cycles
  FROM pg_catalog.pg_attribute a
  LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
  JOIN pg_catalog.pg_depend d ON
       d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i')
    OR d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
  JOIN pg_catalog.pg_sequence s ON s.seqrelid = CASE WHEN d.classid = 'pg_catalog.pg_class'::regclass THEN d.objid ELSE d.refobjid END
  JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE a.attrelid = $1::oid AND a.attname = $2
 ORDER BY d.classid = 'pg_catalog.pg_attrdef'::regclass DESC LIMIT 1`;

async function readTable(
  session: SqlExecutor,
  spec: PolledTableSpec,
  table: TableDescription,
  options: Options,
): Promise<TableState> {
  const list = async <T>(sql: string, parameters: readonly (string | number)[]): Promise<T[]> => {
    const { rows } = await session.query<{ readonly list: string }>(
      `SELECT coalesce(pg_catalog.json_agg(q), '[]')::text AS list FROM (${sql}) q`,
      parameters,
      options,
    );
    return JSON.parse(rows[0]?.list ?? '[]') as T[];
  };
  const columns = await list<{
    readonly name: string;
    readonly default: string | null;
    readonly comment: string | null;
  }>(COLUMNS_SQL, [table.oid]);
  const triggers = await list<TriggerState>(TRIGGERS_SQL, [table.oid]);
  const { rows } = await session.query<{ readonly filtered: string; readonly heirs: string }>(
    `SELECT pg_catalog.row_security_active($1::oid)::text AS filtered,
            coalesce((SELECT pg_catalog.json_agg(c.oid::regclass::text ORDER BY c.oid) FROM pg_catalog.pg_inherits i
                        JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
                       WHERE i.inhparent = $1::oid AND NOT c.relispartition), '[]')::text AS heirs`,
    [table.oid],
    options,
  );
  const sequences =
    spec.cursor.kind === 'id'
      ? await list<SequenceState>(SEQUENCE_SQL, [table.oid, spec.cursor.column])
      : [];
  return {
    spec,
    table,
    relations: await list<RelationState>(RELATIONS_SQL, [table.oid]),
    // The server ends each argument by a NUL byte, which `encode` prints as \000.
    triggers: triggers.map((trigger) => ({
      ...trigger,
      argument: trigger.argument?.replace(/\\000$/, '') ?? null,
    })),
    indexes: (
      await list<Omit<IndexState, 'columns'> & { readonly columns: readonly string[] | null }>(
        INDEXES_SQL,
        [table.oid],
      )
    ).map((index) => ({ ...index, columns: index.columns ?? [] })),
    defaults: new Map(columns.flatMap((c) => (c.default === null ? [] : [[c.name, c.default]]))),
    comments: new Map(columns.flatMap((c) => (c.comment === null ? [] : [[c.name, c.comment]]))),
    isFiltered: rows[0]?.filtered === 'true',
    heirs: JSON.parse(rows[0]?.heirs ?? '[]') as string[],
    sequence: sequences[0] ?? null,
  };
}
