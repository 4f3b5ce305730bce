import { ConfigurationError } from '@certyo-cdc/core';
import {
  optionalText,
  refuseUnknownOptions,
  requireObject,
  wrongOption,
} from '@certyo-cdc/core/internal';

import type { ConnectionOptions, ResolvedConnection } from '../connection/connection-options.ts';
import type { PoolLike } from '../connection/pool-session.ts';
import { resolveConnection } from '../connection/resolve-connection.ts';
import type { SqlSession } from '../connection/sql-executor.ts';
import { sqlSession } from '../connection/sql-session.ts';
import { quoteIdentifier } from '../identifier/quote.ts';

/** Where a store keeps its tables: the captured database or another one. */
export interface PostgresStoreOptions {
  /** A connection of the store's own, opened when it is needed. @default what the environment names */
  readonly connection?: ConnectionOptions | ResolvedConnection | string | undefined;
  /** The application's `pg.Pool` instead. It is never closed by the store. */
  readonly pool?: PoolLike | undefined;
  /** Schema of the tables. @default 'certyo' */
  readonly schema?: string | undefined;
}

/** The schema of everything that this library keeps in a database. It is never captured. */
export const DEFAULT_SCHEMA = 'certyo';

/** Store options with defaults. */
export interface NormalizedStoreOptions {
  readonly target: ResolvedConnection | PoolLike;
  readonly schema: string;
}

/** Checks the options of a store and settles its connection. */
export function normalizePostgresStoreOptions(
  options: PostgresStoreOptions = {},
): NormalizedStoreOptions {
  refuseUnknownOptions('', requireObject('options', options), ['connection', 'pool', 'schema']);
  const schema = optionalText('schema', options.schema) ?? DEFAULT_SCHEMA;
  quoteIdentifier(schema);
  const { connection, pool } = options;
  if (pool === undefined) return { target: settle(connection), schema };
  if (connection !== undefined)
    throw new ConfigurationError('pool', '`connection` and `pool` exclude each other: give one.');
  if (typeof pool !== 'object' || typeof pool?.connect !== 'function')
    throw wrongOption('pool', 'a pg.Pool', pool);
  return { target: pool, schema };
}

function settle(connection: PostgresStoreOptions['connection']): ResolvedConnection {
  const isResolved =
    typeof connection === 'object' && connection !== null && 'serverOptions' in connection;
  return isResolved ? connection : resolveConnection(connection);
}

/** The role that a remedy grants to; a pool does not say whose it is. */
export function roleOf({ target }: NormalizedStoreOptions): string {
  return 'user' in target ? target.user : 'your_role';
}

/** The statements of a store are short; one that takes this long has no connection any more. */
const ANSWER_TIMEOUT_MS = 30_000;

/** Opens the session of a store, without connecting yet. */
export function openStoreSession(options: NormalizedStoreOptions, name: string): SqlSession {
  return sqlSession(options.target, { applicationName: name, answerTimeoutMs: ANSWER_TIMEOUT_MS });
}
