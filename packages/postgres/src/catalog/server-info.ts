import { SourceSetupError } from '@certyo-cdc/core';

import type { SqlExecutor } from '../connection/sql-executor.ts';
import { SERVER_INFO_SQL } from './sql.ts';

/** What a server is and who we are on it. */
export interface ServerInfo {
  /** As in `server_version_num`: 180004. */
  readonly versionNumber: number;
  /** As in `server_version`: `18.4`. */
  readonly version: string;
  readonly systemIdentifier: string;
  /** Of the newest checkpoint; a standby that was promoted a moment ago may not show its new one yet. */
  readonly timeline: number;
  readonly walLevel: string;
  readonly isInRecovery: boolean;
  readonly database: string;
  readonly databaseOid: number;
  /** Encoding of the database, for example `UTF8`. */
  readonly encoding: string;
  readonly user: string;
  readonly isReplicationRole: boolean;
  readonly isSuperuser: boolean;
}

interface Row {
  readonly version_number: string;
  readonly version: string;
  readonly system_identifier: string;
  readonly timeline: string;
  readonly wal_level: string;
  readonly is_in_recovery: string;
  readonly database: string;
  readonly database_oid: string;
  readonly encoding: string;
  readonly user: string;
  readonly is_replication_role: string;
  readonly is_superuser: string;
}

/** The oldest server that is supported. */
const OLDEST = 100_000;

/** Reads what the server is. Refuses servers older than PostgreSQL 10 by name. */
export async function serverInfo(
  session: SqlExecutor,
  options: { readonly signal: AbortSignal },
): Promise<ServerInfo> {
  const { rows } = await session.query<{ readonly number: string; readonly version: string }>(
    "SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS version",
    [],
    options,
  );
  if (Number(rows[0]?.number ?? 0) < OLDEST)
    throw new SourceSetupError(
      `PostgreSQL ${rows[0]?.version ?? 'of unknown version'} is not supported; the oldest is 10.`,
    );
  const row = (await session.query<Row>(SERVER_INFO_SQL, [], options)).rows[0];
  if (row === undefined) throw new SourceSetupError('The server does not say who we are.');
  return {
    versionNumber: Number(row.version_number),
    version: row.version,
    systemIdentifier: row.system_identifier,
    timeline: Number(row.timeline),
    walLevel: row.wal_level,
    isInRecovery: row.is_in_recovery === 'true',
    database: row.database,
    databaseOid: Number(row.database_oid),
    encoding: row.encoding,
    user: row.user,
    isReplicationRole: row.is_replication_role === 'true',
    isSuperuser: row.is_superuser === 'true',
  };
}
