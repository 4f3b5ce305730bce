import { existsSync } from 'node:fs';
import { type PostgresServer, type SettingValue, startPostgres } from '@certyo-cdc/testing';

/** Where Debian's packages put the newest major that has pg_recvlogical and psql beside the server. */
const DEBIAN = '/usr/lib/postgresql/15/bin';

/** The programs of PostgreSQL that come with a server, or null where only the server is there. */
export const CLIENT_PROGRAMS: string | null = existsSync(`${DEBIAN}/pg_recvlogical`)
  ? DEBIAN
  : null;

/** Like a server in production: everything reaches the disk, and there is room between two checkpoints. */
const SETTINGS: Readonly<Record<string, SettingValue>> = {
  fsync: true,
  full_page_writes: true,
  synchronous_commit: true,
  autovacuum: true,
  shared_buffers: '256MB',
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  wal_level: 'logical',
};

/** How a server for a benchmark is started. */
export interface BenchServerOptions {
  readonly signal: AbortSignal;
  /** @default 15 where Debian's programs are installed, else 18 */
  readonly major?: number | undefined;
  /** @default 'disk' */
  readonly storage?: 'memory' | 'disk' | undefined;
  readonly settings?: Readonly<Record<string, SettingValue>> | undefined;
}

/**
 * Starts a server of one's own. Of PostgreSQL 15 it is Debian's where that is installed: pg_recvlogical reads from servers of
 * its own version.
 */
export async function benchServer(options: BenchServerOptions): Promise<PostgresServer> {
  const {
    major = CLIENT_PROGRAMS === null ? 18 : 15,
    settings,
    signal,
    storage = 'disk',
  } = options;
  if (CLIENT_PROGRAMS !== null) process.env['TEST_POSTGRES_BIN_15'] ??= CLIENT_PROGRAMS;
  return await startPostgres({ major, storage, signal, settings: { ...SETTINGS, ...settings } });
}
