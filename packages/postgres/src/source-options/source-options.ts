import type { CheckpointStore, DeadLetterStore } from '@certyo-cdc/core';
import type { OptionReader } from '@certyo-cdc/core/internal';

import type { ReplacedKind } from '../checkpoint/accept-checkpoint.ts';
import type { ConnectionOptions, ResolvedConnection } from '../connection/connection-options.ts';
import type { ReconnectDelays } from '../connection/reconnect-delay.ts';
import { resolveConnection } from '../connection/resolve-connection.ts';
import { readReconnect, type ReconnectOptions } from './reconnect-options.ts';
import { readStateSchema } from './state-schema.ts';

/** Options that every source over PostgreSQL has. */
export interface SourceOptions {
  /** How to reach the captured database. @default PG_DSN, DATABASE_URL or libpq's PG* variables */
  readonly connection?: ConnectionOptions | string | undefined;
  /** Goes on with a checkpoint that was saved for another list of tables. @default false */
  readonly acceptTables?: boolean | undefined;
  /** Goes on with the checkpoint of a source of this kind over the same database. @default none */
  readonly replaces?: ReplacedKind | undefined;
  /** Pauses between attempts to connect, milliseconds, growing from one to the other with jitter. @default 100 to 10000 */
  readonly reconnect?: ReconnectOptions | undefined;
  /** Schema of the tables that hold checkpoints and parked records. @default 'certyo' */
  readonly stateSchema?: string | undefined;
  /** The database that holds checkpoints and parked records, where it is not the captured one. @default `connection` */
  readonly stateConnection?: ConnectionOptions | string | undefined;
  /** Where the checkpoint is kept, instead of in PostgreSQL. */
  readonly checkpoints?: CheckpointStore | undefined;
  /** Where parked records are kept, instead of in PostgreSQL. */
  readonly deadLetters?: DeadLetterStore | undefined;
  /** Environment to read instead of `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** Those options as settled. */
export interface SourceSettings {
  readonly connection: ResolvedConnection;
  /** The same object as `connection` where both are one. */
  readonly stateConnection: ResolvedConnection;
  readonly stateSchema: string;
  readonly acceptTables: boolean;
  readonly replaces: ReplacedKind | null;
  readonly reconnect: ReconnectDelays;
}

/**
 * Reads them strictly. Throws `ConfigurationError`; touches neither network nor files.
 *
 * @param replaceable The kinds of sources whose checkpoint this kind takes over.
 */
export function normalizeSourceOptions(
  reader: OptionReader,
  options: SourceOptions,
  replaceable: readonly ReplacedKind[],
): SourceSettings {
  const env = options.env ?? process.env;
  const connection = resolveConnection(options.connection, env);
  reader.assertMethods('checkpoints', ['load', 'save', 'close']);
  reader.assertMethods('deadLetters', ['park', 'lanes', 'list', 'remove', 'close']);
  return {
    connection,
    stateConnection:
      options.stateConnection === undefined
        ? connection
        : resolveConnection(options.stateConnection, env),
    stateSchema: readStateSchema(reader),
    acceptTables: reader.flag('acceptTables'),
    replaces:
      options.replaces === undefined ? null : reader.oneOf('replaces', replaceable, 'polling'),
    reconnect: readReconnect(reader),
  };
}
