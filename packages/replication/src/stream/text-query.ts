import type { SqlRow } from '@certyo-cdc/postgres';

/** Runs one statement and gives its rows, every value as PostgreSQL's text. */
export type TextQuery = (sql: string, params?: readonly string[]) => Promise<readonly SqlRow[]>;
