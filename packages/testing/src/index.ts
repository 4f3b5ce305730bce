export { startPostgres } from './postgres/start-postgres.ts';

export type { KeyPair, TestCertificates } from './postgres/certificates.ts';
export type { SettingValue } from './postgres/configuration.ts';
export type { PostgresOptions } from './postgres/options.ts';
export type { PostgresAddress } from './postgres/postgres-address.ts';
export type { PostgresAccess, PostgresServer, StopMode } from './postgres/postgres-server.ts';
export type { PostgresStorage } from './postgres/storage.ts';
export type { TestDatabase } from './postgres/test-database.ts';
