/*
 * The set-up of a change log. For the source: `missingStatements` (setup; run them by `runSetup` under the set-up's
 * lock), `teardownStatements`, and in the files beside it `changeLogGrantSql`, `readCaptureState`, `captureChange`.
 */
import { SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  qualifiedName,
  quoteIdentifier,
  resolveTables,
  serverInfo,
  type ServerInfo,
  type SetupStatement,
  type SqlExecutor,
  type TableDescription,
} from '@certyo-cdc/postgres';
import { readCaptureCatalog } from './capture-catalog.ts';
import type { CaptureSettings } from './capture-settings.ts';
import { readCaptureState } from './capture-state.ts';
import { changeLogTeardownSql } from './change-log-sql.ts';
import { type ChangeLogName, logPart } from './log-names.ts';

interface Options {
  readonly signal: AbortSignal;
}

/** Identity and generated columns, transition of partitions' triggers: what this needs is there since 12. */
const OLDEST = 120_000;

/**
 * The statements that are missing in the captured database, for `runSetup`; empty when all is there.
 * Refuses servers and tables that cannot be captured, with the SQL for it.
 */
export async function missingStatements(
  session: SqlExecutor,
  settings: CaptureSettings,
  options: Options & {
    /** True when they are printed for somebody else to run. */
    readonly dryRun?: boolean | undefined;
  },
): Promise<readonly SetupStatement[]> {
  const server = await serverInfo(session, options);
  const tables = await resolveTables(session, settings.tables, options);
  const mayBeLacking = options.dryRun === true;
  refuse([
    ...serverProblems(server, settings, mayBeLacking),
    ...keyProblems(tables, settings),
    ...(await orderProblems(session, tables, options)),
  ]);
  const { versionNumber } = server;
  const { problems } = await readCaptureState(session, settings, { ...options, versionNumber });
  const unmendable = problems.filter((problem) => problem.sql.length === 0);
  refuse(
    unmendable.map(({ what }) => ({ what, remedy: 'Detach the partition and attach it again.' })),
  );
  return problems.flatMap(({ locks, sql }) => sql.map((one) => ({ sql: one, locks })));
}

/** The statements that remove the change log and every trigger that fills it; empty when there is nothing. */
export async function teardownStatements(
  session: SqlExecutor,
  name: ChangeLogName,
  options: Options,
): Promise<readonly SetupStatement[]> {
  const catalog = await readCaptureCatalog(session, { ...name, tables: [] }, options);
  if (catalog.relations.size === 0 && catalog.functions.size === 0) return [];
  return changeLogTeardownSql(name, {
    triggers: catalog.triggers
      .filter((trigger) => trigger.is_inherited !== 'true')
      .filter((trigger) => trigger.name !== logPart(name, 'emptied').name)
      .map((trigger) => ({
        table: { schema: trigger.schema, name: trigger.table },
        name: trigger.name,
      })),
    eventTriggers: catalog.eventTriggers.map((trigger) => trigger.name),
  });
}

interface Refusal {
  readonly what: string;
  readonly remedy: string;
}

function refuse(refusals: readonly Refusal[]): void {
  if (refusals.length === 0) return;
  throw new SourceSetupError(refusals.map(({ what }) => what).join(' '), {
    remedy: refusals.map(({ remedy }) => remedy).join('\n'),
  });
}

function serverProblems(
  server: ServerInfo,
  { ddl }: CaptureSettings,
  mayBeLacking: boolean,
): readonly Refusal[] {
  const problems: Refusal[] = [];
  if (server.versionNumber < OLDEST)
    problems.push({
      what: `PostgreSQL ${server.version} is too old for the change log, which needs 12.`,
      remedy: 'Upgrade the server, or use replicationSource.',
    });
  if (server.isInRecovery)
    problems.push({
      what: 'The server is a standby, where nothing can be set up.',
      remedy: 'Connect to the primary.',
    });
  if (ddl && !server.isSuperuser && !mayBeLacking)
    problems.push({
      what: `The option ddl makes event triggers, which only a superuser can; "${server.user}" is none.`,
      remedy:
        'Leave ddl out (changes of columns are then told with the first row that has them), or let a superuser run what source.setup({ dryRun: true }) gives.',
    });
  return problems;
}

/** Records need a name. */
function keyProblems(
  tables: readonly TableDescription[],
  { keys }: CaptureSettings,
): readonly Refusal[] {
  return tables.flatMap((table): Refusal[] => {
    const label = tableLabel(table);
    const configured = keys[label];
    if (configured === undefined && table.primaryKey.length === 0)
      return [
        {
          what: `${label} has no primary key, so nothing names its records.`,
          remedy: `Set keys: { '${label}': [...] }, or run: ALTER TABLE ${qualifiedName(table)} ADD PRIMARY KEY (...);`,
        },
      ];
    const unknown = configured?.find((name) => !table.columns.some((c) => c.name === name));
    if (unknown === undefined) return [];
    return [
      {
        what: `keys['${label}'] names the column "${unknown}", which the table does not have.`,
        remedy: `Correct the option keys['${label}'].`,
      },
    ];
  });
}

/** $1 oids. Primary keys that are checked late, and tables that inherit and are no partitions. */
const ORDER_SQL = `
  SELECT i.indrelid::pg_catalog.text AS oid, c.relname::pg_catalog.text AS late_key, NULL AS heir
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
   WHERE i.indrelid = ANY ($1::pg_catalog.oid[]) AND i.indisprimary AND NOT i.indimmediate
   UNION ALL
  SELECT h.inhparent::pg_catalog.text, NULL, pg_catalog.format('%I.%I', n.nspname, c.relname)
    FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE h.inhparent = ANY ($1::pg_catalog.oid[]) AND NOT c.relispartition`;

/**
 * A row with a key that another transaction is giving up waits for that one, before its change is logged; under a deferrable
 * key it does not, and the changes of a record could be logged in another order than their transactions commit.
 */
async function orderProblems(
  session: SqlExecutor,
  tables: readonly TableDescription[],
  { signal }: Options,
): Promise<readonly Refusal[]> {
  const byOid = new Map(tables.map((table) => [String(table.oid), table]));
  const { rows } = await session.query<{
    readonly oid: string;
    readonly late_key: string | null;
    readonly heir: string | null;
  }>(ORDER_SQL, [[...byOid.keys()]], { signal });
  return rows.flatMap(({ heir, late_key: lateKey, oid }): Refusal[] => {
    const table = byOid.get(oid);
    if (table === undefined) return [];
    const label = tableLabel(table);
    if (heir !== null)
      return [
        {
          what: `${heir} inherits from ${label}: the rows that it shows there fire no trigger of ${label}.`,
          remedy: `Run: ALTER TABLE ${heir} NO INHERIT ${qualifiedName(table)};`,
        },
      ];
    const key = table.primaryKey.map((name) => quoteIdentifier(name)).join(', ');
    return [
      {
        what: `The primary key of ${label} is deferrable: the order in which a record was deleted and made again is not known.`,
        remedy: `Run: ALTER TABLE ${qualifiedName(table)} DROP CONSTRAINT ${quoteIdentifier(lateKey ?? '')}, ADD PRIMARY KEY (${key});`,
      },
    ];
  });
}
