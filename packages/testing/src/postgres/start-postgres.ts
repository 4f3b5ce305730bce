import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { escapeLiteral } from 'pg';

import { copyPrimary } from './base-backup.ts';
import { findBinaries } from './binaries.ts';
import { createCertificates, type TestCertificates } from './certificates.ts';
import { Cluster } from './cluster.ts';
import { DEFAULT_SETTINGS, renderHba, type SettingValue } from './configuration.ts';
import {
  normalizePostgresOptions,
  type NormalizedPostgresOptions,
  type PostgresOptions,
} from './options.ts';
import type { PostgresServer } from './postgres-server.ts';
import { runAsServer } from './run.ts';
import { giveToServer } from './server-user.ts';
import { baseDirectory, makeOwnedDirectory, reapLeftovers } from './storage.ts';
import { renewSystemIdentifier } from './system-identifier.ts';
import { templateCluster } from './template.ts';

type Settings = Readonly<Record<string, SettingValue>>;

async function writeServerFile(data: string, name: string, text: string): Promise<void> {
  const file = join(data, name);
  await writeFile(file, text, { mode: 0o600 });
  giveToServer(file);
}

async function certificatesOf({
  tls,
  standbyOf,
}: NormalizedPostgresOptions): Promise<TestCertificates | null> {
  if (tls === null) return standbyOf?.certificates ?? null;
  if (typeof tls === 'object') return tls;
  return tls ? await createCertificates() : null;
}

async function writeCertificates(data: string, certificates: TestCertificates): Promise<Settings> {
  await writeServerFile(data, 'ca.crt', certificates.ca);
  await writeServerFile(data, 'server.crt', certificates.server.cert);
  await writeServerFile(data, 'server.key', certificates.server.key);
  return {
    ssl: true,
    ssl_ca_file: 'ca.crt',
    ssl_cert_file: 'server.crt',
    ssl_key_file: 'server.key',
  };
}

async function startCluster(
  options: NormalizedPostgresOptions,
  directory: string,
  makeData: (data: string) => Promise<Settings>,
): Promise<Cluster> {
  const { major, hba, standbyOf, signal } = options;
  const password = standbyOf === null ? options.password : standbyOf.password;
  const binaries = await findBinaries(major);
  const data = join(directory, 'data');
  const settings = await makeData(data);
  await writeServerFile(
    data,
    'pg_hba.conf',
    renderHba(hba, password === null ? 'trust' : 'scram-sha-256'),
  );
  const certificates = await certificatesOf(options);
  const cluster = new Cluster({
    major,
    version: binaries.version,
    program: join(binaries.directory, 'postgres'),
    directory,
    password,
    certificates,
    settings: {
      ...DEFAULT_SETTINGS,
      password_encryption: 'scram-sha-256',
      ...settings,
      ...(certificates === null ? {} : await writeCertificates(data, certificates)),
      ...options.settings,
    },
  });
  try {
    await cluster.start({}, signal);
    if (standbyOf === null && password !== null) {
      await cluster.query(`ALTER ROLE postgres PASSWORD ${escapeLiteral(password)}`);
    }
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Starts a real PostgreSQL of one's own on a free port of 127.0.0.1, from binaries that come from npm.
 *
 * It takes 0.1 to 0.2 seconds, and 1 to 3 more for the first of a version on a machine. The server and
 * its files go when it is disposed of, and also when this process ends in any other way.
 * As root, the server runs as the user `nobody`. Rejects with ConfigurationError for options that
 * cannot be meant and when there are no binaries of that major.
 *
 * @example
 * await using server = await startPostgres({ major: 17, settings: { wal_sender_timeout: '1s' } });
 * await using database = await server.createDatabase();
 * await server.crash();
 * await server.start();
 */
export async function startPostgres(options?: PostgresOptions): Promise<PostgresServer> {
  const normalized = normalizePostgresOptions(options);
  const { major, standbyOf, storage, signal } = normalized;
  signal?.throwIfAborted();
  const binaries = await findBinaries(major);
  const base = await baseDirectory(storage);
  await reapLeftovers(base);
  const template = standbyOf === null ? await templateCluster(base, binaries) : null;
  signal?.throwIfAborted();
  const directory = await makeOwnedDirectory(base, 'cluster');
  try {
    return await startCluster(normalized, directory, async (data) => {
      if (standbyOf !== null) return await copyPrimary(standbyOf, data);
      await runAsServer('cp', ['-a', template ?? '', data]);
      await renewSystemIdentifier(data);
      return {};
    });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}
