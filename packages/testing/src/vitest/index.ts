export { testDatabase } from './test-database.ts';

export type { SharedPostgres } from './shared-postgres.ts';
