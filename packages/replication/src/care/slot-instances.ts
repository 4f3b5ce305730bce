import { randomBytes } from 'node:crypto';
import { qualifiedName, quoteIdentifier } from '@certyo-cdc/postgres';
import type { TextQuery } from '../stream/text-query.ts';

/** The end of an application_name that carries a token. */
const TOKEN = / ([0-9a-f]{16})$/;
/** PostgreSQL cuts an application_name off behind this many bytes. */
const MAX_NAME_BYTES = 63;
/** Tokens of instances that are long gone are forgotten beyond this number. */
const REMEMBERED = 100;

/** The SQL that makes the table of instances. Running it twice changes nothing. */
export function instancesSetupSql(schema: string): readonly string[] {
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)};`,
    `CREATE TABLE IF NOT EXISTS ${table(schema)} (
  slot text NOT NULL,
  token text NOT NULL,
  started_at timestamptz NOT NULL,
  PRIMARY KEY (slot, token)
);`,
  ];
}

export function instancesTeardownSql(schema: string): readonly string[] {
  return [`DROP TABLE IF EXISTS ${table(schema)};`];
}

function table(schema: string): string {
  return qualifiedName({ schema, name: 'slot_instances' });
}

/** Names an instance of this library: nobody else knows it, so whoever shows it is one of ours. */
export function newInstanceToken(): string {
  return randomBytes(8).toString('hex');
}

/** An application_name that carries the token. */
export function nameWithToken(applicationName: string, token: string): string {
  let base = applicationName;
  while (Buffer.byteLength(base) + 1 + token.length > MAX_NAME_BYTES) base = base.slice(0, -1);
  return `${base} ${token}`;
}

/** The token that an application_name carries, or null. */
export function tokenOf(applicationName: string): string | null {
  return TOKEN.exec(applicationName)?.[1] ?? null;
}

/** The instances that have ever held a slot, in the table `slot_instances` of the state schema. */
export class SlotInstances {
  readonly #query: TextQuery;
  readonly #table: string;
  readonly #slot: string;

  /** @param slot Names the slot among those of all servers. */
  constructor(query: TextQuery, schema: string, slot: string) {
    this.#query = query;
    this.#table = table(schema);
    this.#slot = slot;
  }

  /** Writes an instance down, before it connects. */
  async add(token: string): Promise<void> {
    await this.#query(
      `INSERT INTO ${this.#table} (slot, token, started_at) VALUES ($1, $2, pg_catalog.clock_timestamp())
ON CONFLICT (slot, token) DO NOTHING`,
      [this.#slot, token],
    );
    await this.#query(
      `DELETE FROM ${this.#table} WHERE slot = $1 AND token NOT IN
(SELECT i.token FROM ${this.#table} i WHERE i.slot = $1 ORDER BY i.started_at DESC LIMIT ${REMEMBERED})`,
      [this.#slot],
    );
  }

  async has(token: string): Promise<boolean> {
    const sql = `SELECT 1 AS one FROM ${this.#table} WHERE slot = $1 AND token = $2`;
    return (await this.#query(sql, [this.#slot, token])).length > 0;
  }

  /** Forgets an instance that has let go. */
  async remove(token: string): Promise<void> {
    await this.#query(`DELETE FROM ${this.#table} WHERE slot = $1 AND token = $2`, [
      this.#slot,
      token,
    ]);
  }
}
