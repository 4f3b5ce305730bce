import { GapError, SourceSetupError } from '@certyo-cdc/core';
import { qualifiedName, quoteIdentifier, serverInfo, type SqlExecutor } from '@certyo-cdc/postgres';
import type { PollingSettings, TableSettings } from '../settings.ts';
import { parseTimeline, type ServerNow, TIMELINE_SQL } from '../table/header-sql.ts';
import { standbyError } from '../table/table-access.ts';
import { rebaseRemedy } from './identity.ts';

/** The server as far as positions depend on it. */
export interface PolledServer extends ServerNow {
  readonly isStandby: boolean;
}

interface Options {
  readonly signal: AbortSignal;
}

/** xid8 and its snapshot functions are there from PostgreSQL 13 on. */
const OLDEST = 130_000;

/** Reads which server it is, and refuses one that cannot be polled. */
export async function readServer(
  session: SqlExecutor,
  settings: Pick<PollingSettings, 'allowStandby'>,
  options: Options,
): Promise<PolledServer> {
  const info = await serverInfo(session, options);
  if (info.versionNumber < OLDEST) {
    throw new SourceSetupError(
      `PostgreSQL ${info.version} cannot be polled: the oldest version is 13.`,
    );
  }
  if (info.isInRecovery && !settings.allowStandby) throw standbyError();
  const { rows } = await session.query<{ readonly timeline: string | null }>(
    `SELECT ${TIMELINE_SQL} AS timeline`,
    [],
    options,
  );
  return {
    systemIdentifier: info.systemIdentifier,
    timeline: parseTimeline(rows[0]?.timeline ?? null),
    isStandby: info.isInRecovery,
  };
}

/**
 * Refuses stamps that this server cannot have made (P-12): restored from a dump of another one, whose ids were greater, such
 * rows would never pass the horizon.
 */
export async function assertOwnStamps(
  session: SqlExecutor,
  tables: readonly TableSettings[],
  options: Options,
): Promise<void> {
  for (const table of tables) {
    const { cursor, label } = table;
    if (cursor.kind !== 'xid') continue;
    const column = quoteIdentifier(cursor.column);
    const { rows } = await session.query<{ readonly foreign: string }>(
      `SELECT EXISTS (SELECT FROM ${qualifiedName(table)} WHERE ${column} >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()))::text AS foreign`,
      [],
      options,
    );
    if (rows[0]?.foreign !== 'true') continue;
    throw new GapError(
      'GAP_CHECKPOINT_FOREIGN',
      `Rows of ${label} carry transaction ids in "${cursor.column}" that this server has not given yet: they came from another one, by a dump or logical replication.`,
      { remedy: `To poll here, ${rebaseRemedy([table])}` },
    );
  }
}
