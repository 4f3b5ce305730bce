import {
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  type SetupStatement,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import { keyOf } from './column-problems.ts';
import { cursorIndexName } from './index-problems.ts';
import { type PollingSpec, pollingObjects, replacementsTable } from './spec.ts';
import { STAMP_TRIGGER, TIME_COLUMN_COMMENT } from './stamp-trigger.ts';
import { readPollingState, type TableState } from './table-state.ts';
import { tombstoneTriggerNames } from './tombstone-trigger.ts';

/**
 * What removes everything that setup has made: triggers, the xid column, a `lastUpdate` column that setup added, indexes,
 * functions, tombstones and keys. Empty when there is nothing. The schema stays: it may hold other things.
 *
 * The stamp trigger and its column are one for all sources over a table: another source that polls it stops then.
 */
export async function planPollingTeardown(
  session: SqlExecutor,
  spec: PollingSpec,
  options: { readonly signal: AbortSignal },
): Promise<readonly SetupStatement[]> {
  const state = await readPollingState(session, spec, options);
  const statements = state.tables.flatMap((table) =>
    tableTeardown(spec, table).map((sql) => ({ sql, locks: qualifiedName(table.table) })),
  );
  const functions = await unusedFunctions(session, spec, options);
  const objects = Object.values(pollingObjects(spec)).filter(({ name }) => state.objects.has(name));
  const replacements = replacementsTable(spec);
  if (state.objects.has(replacements.name) && (await isLastOne(session, spec, functions, options)))
    objects.push(replacements);
  return [
    ...statements,
    ...functions.map((name) => ({ sql: `DROP FUNCTION ${qualifiedName(name)}();` })),
    ...objects.map((name) => ({ sql: `DROP TABLE ${qualifiedName(name)};` })),
  ];
}

function tableTeardown(spec: PollingSpec, state: TableState): readonly string[] {
  const { table, relations, triggers, indexes } = state;
  const { cursor, lastUpdate } = state.spec;
  const names: readonly string[] = [STAMP_TRIGGER, ...Object.values(tombstoneTriggerNames(spec))];
  const drops = relations.flatMap((relation) =>
    triggers
      .filter((one) => one.relation === relation.oid && !one.isClone && names.includes(one.name))
      .map((one) => `DROP TRIGGER ${quoteIdentifier(one.name)} ON ${qualifiedName(relation)};`),
  );
  const columns = table.columns.map(({ name }) => name);
  const dropped: string[] = [];
  if (cursor.kind === 'xid' && columns.includes(cursor.column)) dropped.push(cursor.column);
  if (
    lastUpdate !== null &&
    columns.includes(lastUpdate) &&
    state.comments.get(lastUpdate) === TIME_COLUMN_COMMENT
  ) {
    dropped.push(lastUpdate);
  }
  // Indexes go with a column of theirs; those over other columns by name. Those of partitions go with their parent's.
  const key = [...new Set([cursor.column, ...keyOf(state)])];
  const left = relations.flatMap((relation) =>
    indexes
      .filter(
        (index) =>
          index.relation === relation.oid &&
          index.parent === null &&
          index.name === cursorIndexName(relation, key) &&
          !index.columns.some((column) => dropped.includes(column)),
      )
      .map((index) => `DROP INDEX ${qualifiedName({ ...relation, name: index.name })};`),
  );
  return [
    ...drops,
    ...left,
    ...dropped.map(
      (column) => `ALTER TABLE ${qualifiedName(table)} DROP COLUMN ${quoteIdentifier(column)};`,
    ),
  ];
}

/** Whether no other source has functions in the schema when these are gone. */
async function isLastOne(
  session: SqlExecutor,
  { schema }: PollingSpec,
  dropped: readonly QualifiedName[],
  options: { readonly signal: AbortSignal },
): Promise<boolean> {
  const { rows } = await session.query(
    `
SELECT p.proname AS name
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = $1 AND p.prorettype = 'pg_catalog.trigger'::regtype
   AND p.proname ~ '^(stamp|.*_deleted|.*_truncated)_[0-9a-f]{12}$' AND p.proname <> ALL ($2::text[]) LIMIT 1`,
    [schema, dropped.map(({ name }) => name)],
    options,
  );
  return rows.length === 0;
}

/** The source's functions, and shared stamp functions, that no trigger of another table uses. */
async function unusedFunctions(
  session: SqlExecutor,
  spec: PollingSpec,
  options: { readonly signal: AbortSignal },
): Promise<readonly QualifiedName[]> {
  const labels = spec.tables.map(({ table }) => table);
  const { rows } = await session.query<QualifiedName>(
    `
SELECT n.nspname AS schema, p.proname AS name
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = $1 AND p.prorettype = 'pg_catalog.trigger'::regtype
   AND (p.proname ~ '^stamp_[0-9a-f]{12}$'
        OR pg_catalog.starts_with(p.proname::text, $2 || '_deleted_') AND p.proname ~ '_[0-9a-f]{12}$'
        OR pg_catalog.starts_with(p.proname::text, $2 || '_truncated_') AND p.proname ~ '_[0-9a-f]{12}$')
   AND NOT EXISTS (
     SELECT 1 FROM pg_catalog.pg_trigger t
      WHERE t.tgfoid = p.oid AND NOT EXISTS (
        SELECT 1 FROM ROWS FROM (pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::text[])) AS w(schema, name)
          JOIN pg_catalog.pg_namespace wn ON wn.nspname = w.schema
          JOIN pg_catalog.pg_class c ON c.relnamespace = wn.oid AND c.relname = w.name
         WHERE t.tgrelid = c.oid OR t.tgrelid IN (SELECT q.relid FROM pg_catalog.pg_partition_tree(c.oid::regclass) q)))
 ORDER BY 1, 2`,
    [spec.schema, spec.name, labels.map(({ schema }) => schema), labels.map(({ name }) => name)],
    options,
  );
  return rows;
}
