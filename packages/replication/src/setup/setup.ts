import { SourceSetupError } from '@certyo-cdc/core';
import {
  type PublicationDescription,
  quoteIdentifier,
  quoteLiteral,
  readPublication,
  serverInfo,
  type ServerInfo,
  type SqlExecutor,
  sqlStateOf,
  type TableDescription,
} from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import { ddlSetupSql, versionProblem } from '../ddl/ddl-trigger.ts';
import {
  missingPluginError,
  pluginProblems,
  refusedPluginError,
} from '../decoders/plugin-library.ts';
import { alterSlot, altersSlot, alterSlotSql } from './alter-slot.ts';
import { lockedError, waitedForLock } from './locked-tables.ts';
import { problemError } from './assert-ready.ts';
import { resolveCaptured } from './captured-tables.ts';
import { featureProblems, partitionedTableProblems } from './features.ts';
import { publicationProblems } from './publication-problems.ts';
import { serverProblems, tableProblems } from './readiness.ts';
import { rowFilterProblems } from './row-filters.ts';
import { SLOT_LOCK_TIMEOUT_MS } from './slot-lock-timeout.ts';
import { readSlot, type SlotState } from './slot.ts';

interface Options {
  readonly signal: AbortSignal;
}

/**
 * The statements that are missing in the captured database: for the publication, then for the slot (R-16). Empty when
 * there is nothing to do. Tables are never altered: a table that cannot be captured is refused with the SQL.
 */
export async function missingStatements(
  session: SqlExecutor,
  settings: ReplicationSettings,
  options: Options,
): Promise<readonly string[]> {
  const server = await serverInfo(session, options);
  const unknown = featureProblems(server, settings);
  if (unknown.length > 0) throw problemError(unknown, false);
  const { tables, partitions, keys } = await resolveCaptured(session, settings, options);
  const tooOld = versionProblem(settings, server);
  const blocking = [
    ...serverProblems(server),
    ...(tooOld === null ? [] : [tooOld]),
    ...partitionedTableProblems(server, tables),
    ...tableProblems(tables, settings),
    ...tableProblems(partitions, { keys }),
    ...(await pluginProblems(session, settings.decoder, tables, options)),
  ];
  if (blocking.length > 0) throw problemError(blocking, false);
  const slot = await readSlot(textQuery(session, options), settings.slot);
  return [
    ...(await publicationStatements(session, tables, slot, settings, server, options)),
    ...(await ddlSetupSql(session, settings, options)),
    ...slotStatements(slot, settings, server),
  ];
}

function slotStatements(
  slot: SlotState | null,
  settings: ReplicationSettings,
  server: ServerInfo,
): readonly string[] {
  if (slot === null) return isSlotMadeByOpen(settings, server) ? [] : [createSlotSql(settings)];
  // The primary's slot of this name is none of a source that reads from a standby, and what a standby copies is its primary's.
  if (settings.primary !== null || server.isInRecovery) return [];
  return alterSlotSql(slot, settings, server);
}

/** Other plugins than pgoutput know no publications. */
async function publicationStatements(
  session: SqlExecutor,
  tables: readonly TableDescription[],
  slot: SlotState | null,
  settings: ReplicationSettings,
  { versionNumber }: ServerInfo,
  options: Options,
): Promise<readonly string[]> {
  if (settings.decoder !== 'pgoutput') return [];
  const publication = await readPublication(session, settings.publication, options);
  refuseSlotWithoutPublication(publication, slot, settings);
  const problems = [
    ...publicationProblems(publication, tables, settings, versionNumber),
    ...(await rowFilterProblems(session, publication, settings, options)),
  ];
  return problems.map(({ sql }) => sql);
}

/** A slot older than its publication stops at the first change that was made before the publication (R-16). */
function refuseSlotWithoutPublication(
  publication: PublicationDescription | null,
  slot: SlotState | null,
  settings: ReplicationSettings,
): void {
  if (publication !== null || slot === null) return;
  throw new SourceSetupError(
    `The slot "${settings.slot}" exists but the publication "${settings.publication}" does not; a publication has to be there before its slot.`,
    {
      remedy: `If nothing is to be read from the slot any more, run: ${dropSlotSql(settings.slot)} then source.setup() again.`,
    },
  );
}

/**
 * A first copy shows exactly what lies before its slot, so the slot is made with it. A slot that takes over from another
 * source has to be there before, and a standby gives no snapshot of one: there setup makes it.
 */
function isSlotMadeByOpen(settings: ReplicationSettings, server: ServerInfo): boolean {
  return settings.copy !== null && settings.replaces === null && !server.isInRecovery;
}

/** Runs the statements, the slot's with a limit on what it waits for. */
export async function runStatements(
  session: SqlExecutor,
  statements: readonly string[],
  options: Options & {
    readonly slotLockTimeoutMs?: number | undefined;
    /** For statements that only a replication connection takes. */
    readonly settings?: ReplicationSettings | undefined;
  },
): Promise<void> {
  const lockTimeoutMs = options.slotLockTimeoutMs ?? SLOT_LOCK_TIMEOUT_MS;
  for (const statement of statements) {
    if (options.settings !== undefined && altersSlot(statement)) {
      const { settings, signal } = options;
      await alterSlot(statement, settings, { executor: session, timeoutMs: lockTimeoutMs, signal });
      continue;
    }
    const makesSlot = statement.includes('pg_create_logical_replication_slot');
    if (makesSlot) {
      await session.query(`SET lock_timeout = ${lockTimeoutMs}`, [], options);
    }
    try {
      await session.query(statement, [], options);
    } catch (error) {
      const state = sqlStateOf(error);
      if (state === '42501') throw await refusedStatement(session, error, statement, options);
      if (makesSlot && state === '58P01') throw await missingPluginError(session, error, options);
      if (!makesSlot && waitedForLock(error)) throw await lockedError(session, error, options);
      if (!makesSlot || !waitedForLock(error)) throw error;
      throw await blockedSlotError(session, lockTimeoutMs, options);
    } finally {
      if (makesSlot) await session.query('RESET lock_timeout', [], options);
    }
  }
}

/** What removes the slot and the publication; empty when there is nothing. */
export async function teardownStatements(
  session: SqlExecutor,
  settings: ReplicationSettings,
  options: Options,
): Promise<readonly string[]> {
  const slot = await readSlot(textQuery(session, options), settings.slot);
  if (slot !== null && slot.activePid !== null) {
    throw new SourceSetupError(
      `The slot "${settings.slot}" is in use by the server process ${slot.activePid}.`,
      { remedy: 'Stop the pipeline that reads from it first.' },
    );
  }
  // Another plugin's source has none; one of this name belongs to somebody else.
  const publication =
    settings.decoder === 'pgoutput'
      ? await readPublication(session, settings.publication, options)
      : null;
  return [
    ...(slot === null ? [] : [dropSlotSql(settings.slot)]),
    ...(publication === null
      ? []
      : [`DROP PUBLICATION "${settings.publication.replaceAll('"', '""')}";`]),
  ];
}

/** https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION */
export function createSlotSql({
  decoder,
  failover,
  slot,
  twoPhase,
}: Pick<ReplicationSettings, 'decoder' | 'failover' | 'slot' | 'twoPhase'>): string {
  const more =
    failover === false ? (twoPhase ? ', false, true' : '') : `, false, ${twoPhase}, true`;
  return `SELECT pg_catalog.pg_create_logical_replication_slot(${quoteLiteral(slot)}, '${decoder}'${more});`;
}

export function dropSlotSql(slot: string): string {
  return `SELECT pg_catalog.pg_drop_replication_slot(${quoteLiteral(slot)});`;
}

/** The slot's start needs every transaction that is running now to end (R-29). */
export async function blockedSlotError(
  session: SqlExecutor,
  lockTimeoutMs: number,
  options: Options,
  again = 'run source.setup() again',
): Promise<Error> {
  const running = await session.query<{ readonly pid: string; readonly database: string | null }>(
    `SELECT a.pid::text AS pid, a.datname::text AS database FROM pg_catalog.pg_stat_activity a
      WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
     UNION ALL
     SELECT 'prepared transaction ' || p.gid, p.database::text FROM pg_catalog.pg_prepared_xacts p`,
    [],
    options,
  );
  const names = running.rows.map((row) => `${row.pid} (database ${row.database ?? '?'})`);
  return new SourceSetupError(
    `The slot could not be made within ${lockTimeoutMs / 1000} s, because transactions are running that have to end first${names.length === 0 ? '' : `: ${names.join(', ')}`}.`,
    { remedy: `End them, then ${again}.` },
  );
}

/** The role that runs the setup lacks a right. */
async function refusedStatement(
  session: SqlExecutor,
  cause: unknown,
  statement: string,
  options: Options,
): Promise<Error> {
  const said = cause instanceof Error ? cause.message : 'permission denied';
  const server = await serverInfo(session, options);
  const { user } = server;
  const refusedPlugin = refusedPluginError(statement, server, cause);
  if (refusedPlugin !== null) return refusedPlugin;
  return new SourceSetupError(`The setup may not be run by the role "${user}": ${said}.`, {
    cause,
    remedy: statement.includes('pg_create_logical_replication_slot')
      ? `Run as a superuser: ALTER ROLE ${quoteIdentifier(user)} REPLICATION;`
      : statement.includes('EVENT TRIGGER')
        ? 'Only a superuser makes event triggers: let one run what source.setup({ dryRun: true }) gives, or leave the option ddl out.'
        : 'Let the owner of the tables, with CREATE on the database, run what source.setup({ dryRun: true }) gives.',
  });
}

function textQuery(
  session: SqlExecutor,
  options: Options,
): (
  sql: string,
  params?: readonly string[],
) => Promise<readonly Readonly<Record<string, string | null>>[]> {
  return async (sql, params = []) => (await session.query(sql, params, options)).rows;
}
