import type { Client, ClientConfig, QueryResultRow } from 'pg';

import type { TestCertificates } from './certificates.ts';
import type { SettingValue } from './configuration.ts';
import type { PostgresAddress } from './postgres-address.ts';
import type { TestDatabase } from './test-database.ts';

/** How PostgreSQL shuts down: `smart` waits for clients, `fast` rolls back, `immediate` just leaves. */
export type StopMode = 'smart' | 'fast' | 'immediate';

/** A running server that databases can be made on. */
export interface PostgresAccess extends PostgresAddress, AsyncDisposable {
  /** URL of the database `postgres`. */
  readonly url: string;
  /** URL of another database, or as another user. */
  urlOf(database: string, user?: string, password?: string | null): string;
  /** Connects as superuser. The connection is ended when the server is disposed of. */
  client(config?: ClientConfig): Promise<Client>;
  /** Runs one statement as superuser in the database `postgres`. */
  query<Row extends QueryResultRow = QueryResultRow>(
    sql: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
  /** Makes an empty database with a name of its own. */
  createDatabase(): Promise<TestDatabase>;
}

/** A server of one's own, that can be stopped, killed and started again. */
export interface PostgresServer extends PostgresAccess {
  /** For example `18.4`. */
  readonly version: string;
  readonly dataDirectory: string;
  /** Directory of the Unix socket, to be given as `host`; it never asks for a password. */
  readonly socketDirectory: string;
  /** What TLS works with, or null without. */
  readonly certificates: TestCertificates | null;
  /** Process id of the postmaster, or null when it does not run. */
  readonly pid: number | null;
  /** Starts it again on the same port after stop() or crash(). Resolves when it takes connections. */
  start(settings?: Readonly<Record<string, SettingValue>>): Promise<void>;
  /**
   * Stops it and waits until it is gone.
   *
   * A `fast` stop waits for walsenders to hand over what is left, so a client that does not read can hold it up.
   * Rejects after `timeoutMs`; the server may still be on its way down then.
   * @default mode 'fast', timeoutMs 60000
   */
  stop(mode?: StopMode, timeoutMs?: number): Promise<void>;
  /** stop('fast') and start(), with other settings where given; they stay until they are changed. */
  restart(settings?: Readonly<Record<string, SettingValue>>): Promise<void>;
  /** Kills the server and every process of it with SIGKILL and waits until all are gone. */
  crash(): Promise<void>;
  /** Freezes the server with all its processes: connections stay open and nothing answers. */
  pause(): void;
  /** Goes on after pause(). */
  resume(): void;
  /** Turns a standby into a primary and waits until it takes writes. */
  promote(): Promise<void>;
  /** What the server has logged so far. */
  log(): string;
}
