import type { Client, ClientConfig, QueryResultRow } from 'pg';

import type { PostgresAccess } from './postgres-server.ts';
import { connect, createDatabase, end, postgresUrl, type TestDatabase } from './test-database.ts';

/** What every server can do, whoever has started it. */
export abstract class ServerAccess implements PostgresAccess {
  abstract readonly major: number;
  abstract readonly host: string;
  abstract readonly port: number;
  abstract readonly user: string;
  abstract readonly password: string | null;
  readonly #clients = new Set<Client>();

  /** Where the harness itself connects: the Unix socket of a server of its own, which asks for nothing. */
  protected get adminHost(): string {
    return this.host;
  }

  get url(): string {
    return this.urlOf('postgres');
  }

  urlOf(
    database: string,
    user: string = this.user,
    password: string | null = this.password,
  ): string {
    return postgresUrl(this, database, user, password);
  }

  async client(config: ClientConfig = {}): Promise<Client> {
    const client = await connect(this, 'postgres', config);
    this.#clients.add(client);
    client.once('end', () => this.#clients.delete(client));
    return client;
  }

  async query<Row extends QueryResultRow = QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    const client = await connect(this, 'postgres', { host: this.adminHost });
    try {
      const { rows } = await client.query<Row>(sql, [...values]);
      return rows;
    } finally {
      await end(client);
    }
  }

  async createDatabase(): Promise<TestDatabase> {
    return await createDatabase(this, this.adminHost);
  }

  protected async endClients(): Promise<void> {
    await Promise.all([...this.#clients].map(end));
  }

  abstract [Symbol.asyncDispose](): Promise<void>;
}
