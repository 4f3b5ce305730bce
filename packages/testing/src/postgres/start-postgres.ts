import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { escapeLiteral } from 'pg';

import { findBinaries } from './binaries.ts';
import { Cluster } from './cluster.ts';
import { DEFAULT_SETTINGS, renderHba } from './configuration.ts';
import { normalizePostgresOptions, type PostgresOptions } from './options.ts';
import type { PostgresServer } from './postgres-server.ts';
import { runAsServer } from './run.ts';
import { giveToServer } from './server-user.ts';
import { baseDirectory, makeOwnedDirectory, reapLeftovers } from './storage.ts';
import { templateCluster } from './template.ts';

/**
 * Starts a real PostgreSQL of one's own on a free port of 127.0.0.1, from binaries that come from npm.
 *
 * It takes 0.1 to 0.2 seconds, and 1 to 3 more for the first of a version on a machine. The server and
 * its files go when it is disposed of, and also when this process ends in any other way.
 * As root, the server runs as the user `nobody`.
 *
 * @example
 * await using server = await startPostgres({ major: 17, settings: { wal_sender_timeout: '1s' } });
 * await using database = await server.createDatabase();
 * await server.crash();
 * await server.start();
 */
export async function startPostgres(options?: PostgresOptions): Promise<PostgresServer> {
  const { major, settings, hba, password, storage, signal } = normalizePostgresOptions(options);
  signal?.throwIfAborted();
  const binaries = await findBinaries(major);
  const base = await baseDirectory(storage);
  await reapLeftovers(base);
  const template = await templateCluster(base, binaries);
  const directory = await makeOwnedDirectory(base, 'cluster');
  let cluster: Cluster | null = null;
  try {
    const data = join(directory, 'data');
    await runAsServer('cp', ['-a', template, data]);
    const hbaFile = join(data, 'pg_hba.conf');
    await writeFile(hbaFile, renderHba(hba, password === null ? 'trust' : 'scram-sha-256'));
    giveToServer(hbaFile);
    cluster = new Cluster({
      major,
      version: binaries.version,
      program: join(binaries.directory, 'postgres'),
      directory,
      password,
      certificates: null,
      settings: {
        ...DEFAULT_SETTINGS,
        ...(password === null ? {} : { password_encryption: 'scram-sha-256' }),
        ...settings,
      },
    });
    await cluster.start({}, signal);
    if (password !== null) {
      await cluster.query(`ALTER ROLE postgres PASSWORD ${escapeLiteral(password)}`);
    }
    return cluster;
  } catch (error) {
    await cluster?.[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}
