import { SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  serverInfo,
  type ServerInfo,
  sqlSession,
  type TableDescription,
} from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import type { Problem } from './readiness.ts';

/** Chunks are read with FETCH FIRST … WITH TIES. */
const COPIES_FROM = 13;

/** What the options ask for that a server of this version does not have. */
export function featureProblems(
  { versionNumber, version }: Pick<ServerInfo, 'versionNumber' | 'version'>,
  settings: ReplicationSettings,
): readonly Problem[] {
  const narrows = settings.tables.some(({ columns, where }) => columns !== null || where !== null);
  const asked: readonly (readonly [boolean, number, string])[] = [
    [settings.copy !== null, COPIES_FROM, 'copy'],
    [settings.streaming, 14, 'streaming'],
    [settings.messages !== false, 14, 'messages'],
    [settings.twoPhase, 15, 'twoPhase'],
    [narrows, 15, 'tables with columns or where'],
    [settings.schemas.length > 0, 15, 'schemas'],
    [settings.origin !== 'any', 16, 'origin'],
    [settings.failover !== false, 17, 'failover'],
  ];
  return asked
    .filter(([isAsked, major]) => isAsked && versionNumber < major * 10_000)
    .map(([, major, option]) => ({
      what: `The option ${option} needs PostgreSQL ${major}; the server is ${version}.`,
      sql: `-- leave out the option ${option}, or upgrade the server`,
      losesChanges: false,
    }));
}

/** A partitioned table cannot be published before PostgreSQL 13; its partitions can. */
export function partitionedTableProblems(
  { versionNumber, version }: Pick<ServerInfo, 'versionNumber' | 'version'>,
  tables: readonly TableDescription[],
): readonly Problem[] {
  if (versionNumber >= 130_000) return [];
  return tables
    .filter((table) => table.isPartitioned)
    .map((table) => ({
      what: `${tableLabel(table)} is a partitioned table, which can be published from PostgreSQL 13 on; the server is ${version}.`,
      sql: '-- name its partitions in the option tables, each for itself',
      losesChanges: false,
    }));
}

/** Refuses a backfill that the server could not be read for. */
export async function assertBackfillable(
  settings: Pick<ReplicationSettings, 'connection'>,
  signal: AbortSignal,
): Promise<void> {
  const session = sqlSession(settings.connection);
  try {
    const { versionNumber, version } = await serverInfo(session, { signal });
    if (versionNumber >= COPIES_FROM * 10_000) return;
    throw new SourceSetupError(
      `A backfill needs PostgreSQL ${COPIES_FROM}; the server is ${version}.`,
      { remedy: 'Upgrade the server.' },
    );
  } finally {
    await session.close();
  }
}
