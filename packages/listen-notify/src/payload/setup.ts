import { SourceSetupError } from '@certyo-cdc/core';
import {
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  resolveTables,
  serverInfo,
  type SetupStatement,
  type SqlExecutor,
  type TableDescription,
} from '@certyo-cdc/postgres';
import { functionSettings, functionSql } from '../setup/function-header.ts';
import { createSecretSql, notifyFunction } from './notify-function.ts';
import { dropTriggerSql, enableTriggerSql, notifyTriggers } from './notify-triggers.ts';
import { payloadObjects } from './objects.ts';
import type { PayloadSettings } from './options.ts';

type Where = Pick<PayloadSettings, 'notifier' | 'stateSchema' | 'tables'>;

interface Options {
  readonly signal: AbortSignal;
}

interface ExistingTrigger {
  readonly name: string;
  readonly type: string;
  readonly enabled: string;
  readonly has_condition: string;
  readonly is_ours: string;
}

/** `gen_random_uuid()`, `sha256()` and xid8 are all there from here on. */
const OLDEST = 130_000;

/** The SQL that makes what is missing: schema, secret, function, then the triggers of each table. Empty when all is there. */
export async function missingPayloadSql(
  session: SqlExecutor,
  settings: Where,
  options: Options,
): Promise<readonly SetupStatement[]> {
  const server = await serverInfo(session, options);
  if (server.versionNumber < OLDEST) {
    throw new SourceSetupError(
      `Payload mode needs PostgreSQL 13 or newer; this is ${server.version}.`,
      { remedy: 'Use the catch-up source by itself.' },
    );
  }
  const objects = payloadObjects(settings);
  const tables = await resolveTables(session, settings.tables, options);
  const statements: SetupStatement[] = [];
  const add = (...sql: readonly string[]): void => {
    statements.push(...sql.map((one) => ({ sql: one })));
  };
  const { hasFunction, hasSchema, hasSecret } = await existing(session, settings, options);
  if (!hasSchema) {
    add(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(settings.stateSchema)};`);
  }
  if (!hasSecret) add(...createSecretSql(objects.secret));
  if (!hasFunction) add(...functionSql(notifyFunction(objects)));
  for (const table of tables) {
    const missing = await missingTriggers(session, settings, table, options);
    statements.push(...missing.map((sql) => ({ sql, locks: qualifiedName(table) })));
  }
  return statements;
}

/** The SQL that removes what is there of it. */
export async function payloadTeardownSql(
  session: SqlExecutor,
  settings: Where,
  options: Options,
): Promise<readonly SetupStatement[]> {
  const objects = payloadObjects(settings);
  const names = Object.values(objects.triggers);
  // By name, not by the tables of the options: they may have changed since.
  const { rows } = await session.query<{ schema: string; table: string; trigger: string }>(
    `SELECT n.nspname AS schema, c.relname AS table, t.tgname AS trigger
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE t.tgfoid = pg_catalog.to_regprocedure($1) AND t.tgname = ANY ($2) AND t.tgparentid = 0 ORDER BY 1, 2, 3`,
    [`${qualifiedName(objects.function)}()`, names],
    options,
  );
  const statements: SetupStatement[] = rows.map(({ schema, table: name, trigger }) => ({
    sql: dropTriggerSql({ schema, name }, trigger),
    locks: qualifiedName({ schema, name }),
  }));
  const found = await session.query<{ function: string | null; secret: string | null }>(
    'SELECT pg_catalog.to_regprocedure($1)::text AS function, pg_catalog.to_regclass($2)::text AS secret',
    [`${qualifiedName(objects.function)}()`, qualifiedName(objects.secret)],
    options,
  );
  if (found.rows[0]?.function != null) {
    statements.push({ sql: `DROP FUNCTION IF EXISTS ${qualifiedName(objects.function)}();` });
  }
  if (found.rows[0]?.secret != null) {
    statements.push({ sql: `DROP TABLE IF EXISTS ${qualifiedName(objects.secret)};` });
  }
  return statements;
}

/** What the listening role needs besides CONNECT. */
export function payloadGrantSql(role: string, settings: Omit<Where, 'tables'>): readonly string[] {
  return [
    `GRANT USAGE ON SCHEMA ${quoteIdentifier(settings.stateSchema)} TO ${quoteIdentifier(role)};`,
    `GRANT SELECT ON ${qualifiedName(payloadObjects(settings).secret)} TO ${quoteIdentifier(role)};`,
  ];
}

/** The triggers of a table, and of its partitions, that are not there or not as they have to be. */
async function missingTriggers(
  session: SqlExecutor,
  settings: Where,
  table: TableDescription,
  options: Options,
): Promise<readonly string[]> {
  const objects = payloadObjects(settings);
  const statements: string[] = [];
  // Triggers for each row are copied to partitions by the server; those for TRUNCATE are not.
  for (const part of await withPartitions(session, table, options)) {
    const isRoot = part.oid === String(table.oid);
    const there = await triggersOn(session, settings, part.oid, options);
    const wanted = notifyTriggers(objects, { ...table, schema: part.schema, name: part.name });
    for (const trigger of wanted) {
      if (!isRoot && trigger.type !== 32) continue;
      const found = there.find((each) => each.name === trigger.name);
      const isFit =
        found?.is_ours === 'true' &&
        Number(found.type) === trigger.type &&
        (found.has_condition === 'true') === trigger.hasCondition;
      if (!isFit) {
        if (found !== undefined) statements.push(dropTriggerSql(part, trigger.name));
        statements.push(trigger.sql);
      }
      if (!isFit || found?.enabled !== 'A') statements.push(enableTriggerSql(part, trigger.name));
    }
  }
  return statements;
}

/** What has to be said of the triggers at the start, without changing anything; null when they are as they should be. */
export async function triggerWarning(
  session: SqlExecutor,
  settings: Where,
  options: Options,
): Promise<string | null> {
  const missing = await missingPayloadSql(session, settings, options);
  if (missing.length === 0) return null;
  return `Not all changes are told by notifications: triggers are missing, disabled or altered. They are found by looking at intervals. Call setup(), or run what setup({ dryRun: true }) gives.`;
}

interface Part extends QualifiedName {
  readonly oid: string;
}

async function withPartitions(
  session: SqlExecutor,
  table: TableDescription,
  options: Options,
): Promise<readonly Part[]> {
  const { rows } = await session.query<Part>(
    `SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name
FROM (SELECT $1::oid AS oid UNION SELECT relid FROM pg_catalog.pg_partition_tree($1::oid::regclass)) AS p
JOIN pg_catalog.pg_class c ON c.oid = p.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') ORDER BY c.oid <> $1::oid, n.nspname, c.relname`,
    [String(table.oid)],
    options,
  );
  return rows;
}

async function triggersOn(
  session: SqlExecutor,
  settings: Where,
  oid: string,
  options: Options,
): Promise<readonly ExistingTrigger[]> {
  const objects = payloadObjects(settings);
  const { rows } = await session.query<ExistingTrigger>(
    `SELECT t.tgname AS name, t.tgtype::text AS type, t.tgenabled::text AS enabled, (t.tgqual IS NOT NULL)::text AS has_condition,
  (t.tgfoid = pg_catalog.to_regprocedure($2))::text AS is_ours
FROM pg_catalog.pg_trigger t WHERE t.tgrelid = $1::oid AND t.tgname = ANY ($3)`,
    [oid, `${qualifiedName(objects.function)}()`, Object.values(objects.triggers)],
    options,
  );
  return rows;
}

async function existing(
  session: SqlExecutor,
  settings: Where,
  options: Options,
): Promise<{ hasSchema: boolean; hasSecret: boolean; hasFunction: boolean }> {
  const objects = payloadObjects(settings);
  const { rows } = await session.query<{
    schema: string;
    secret: string;
    body: string | null;
    settings: string | null;
  }>(
    `SELECT (pg_catalog.to_regnamespace($1) IS NOT NULL)::text AS schema, (pg_catalog.to_regclass($2) IS NOT NULL)::text AS secret,
  p.prosrc AS body, pg_catalog.array_to_json(p.proconfig)::text AS settings
FROM (VALUES (1)) AS one LEFT JOIN pg_catalog.pg_proc p ON p.oid = pg_catalog.to_regprocedure($3) AND p.prosecdef`,
    [
      quoteIdentifier(settings.stateSchema),
      qualifiedName(objects.secret),
      `${qualifiedName(objects.function)}()`,
    ],
    options,
  );
  const wanted = notifyFunction(objects);
  const [row] = rows;
  return {
    hasSchema: row?.schema === 'true',
    hasSecret: row?.secret === 'true',
    hasFunction: row?.body === wanted.body && hasSettings(row.settings, functionSettings(wanted)),
  };
}

/** @param stored proconfig as JSON: a list of `name=value`, names as somebody wrote them. */
function hasSettings(stored: string | null, wanted: Readonly<Record<string, string>>): boolean {
  const found = new Set(
    (JSON.parse(stored ?? '[]') as readonly string[]).map((entry) => {
      const at = entry.indexOf('=');
      return `${entry.slice(0, at).toLowerCase()}${entry.slice(at)}`;
    }),
  );
  const entries = Object.entries(wanted);
  return (
    found.size === entries.length &&
    entries.every(([name, value]) => found.has(`${name.toLowerCase()}=${value}`))
  );
}
