/*
 * The set-up of a change log. For the source: `missingStatements` (setup; run them in one transaction under the set-up's
 * lock), `teardownStatements`, and in the files beside it `changeLogGrantSql`, `readCaptureState`, `captureChange`.
 */
import { SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  qualifiedName,
  resolveTables,
  serverInfo,
  type ServerInfo,
  type SqlExecutor,
  type TableDescription,
} from '@certyo-cdc/postgres';
import { readCaptureCatalog } from './capture-catalog.ts';
import type { CaptureSettings } from './capture-settings.ts';
import { readCaptureState } from './capture-state.ts';
import { changeLogTeardownSql } from './change-log-sql.ts';
import type { ChangeLogName } from './log-names.ts';

interface Options {
  readonly signal: AbortSignal;
}

/** Identity and generated columns, transition of partitions' triggers: what this needs is there since 12. */
const OLDEST = 120_000;

/**
 * The statements that are missing in the captured database, to be run in one transaction; empty when all is there.
 * Refuses servers and tables that cannot be captured, with the SQL for it.
 */
export async function missingStatements(
  session: SqlExecutor,
  settings: CaptureSettings,
  options: Options & {
    /** True when they are printed for somebody else to run. */
    readonly dryRun?: boolean | undefined;
  },
): Promise<readonly string[]> {
  const server = await serverInfo(session, options);
  const tables = await resolveTables(session, settings.tables, options);
  const mayBeLacking = options.dryRun === true;
  refuse([...serverProblems(server, settings, mayBeLacking), ...keyProblems(tables, settings)]);
  const { versionNumber } = server;
  const { problems } = await readCaptureState(session, settings, { ...options, versionNumber });
  const unmendable = problems.filter((problem) => problem.sql.length === 0);
  refuse(
    unmendable.map(({ what }) => ({ what, remedy: 'Detach the partition and attach it again.' })),
  );
  return problems.flatMap((problem) => problem.sql);
}

/** The statements that remove the change log and every trigger that fills it; empty when there is nothing. */
export async function teardownStatements(
  session: SqlExecutor,
  name: ChangeLogName,
  options: Options,
): Promise<readonly string[]> {
  const catalog = await readCaptureCatalog(session, { ...name, tables: [] }, options);
  if (catalog.relations.size === 0 && catalog.functions.size === 0) return [];
  return changeLogTeardownSql(name, {
    triggers: catalog.triggers
      .filter((trigger) => trigger.is_inherited !== 'true')
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
