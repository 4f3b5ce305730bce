import type { PostgresAddress } from '../postgres/postgres-address.ts';

/** The server that all test files of a vitest project share. */
export type SharedPostgres = PostgresAddress;

declare module 'vitest' {
  interface ProvidedContext {
    /** Set in the project's configuration: the major that its test files run on. */
    postgresMajor: number;
    /** Set by the global setup. */
    postgres: SharedPostgres;
  }
}
