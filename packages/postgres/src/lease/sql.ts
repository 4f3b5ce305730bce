import { quoteIdentifier, quoteLiteral } from '../identifier/quote.ts';
import { DEFAULT_SCHEMA } from '../setup/store-session.ts';

function table(schema: string): string {
  return `${quoteIdentifier(schema)}.leases`;
}

/** The SQL that makes the table of leases. Running it twice changes nothing. */
export function leaseSetupSql(schema: string = DEFAULT_SCHEMA): readonly string[] {
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)};`,
    `CREATE TABLE IF NOT EXISTS ${table(schema)} (
  name text PRIMARY KEY,
  holder text NOT NULL,
  token bigint NOT NULL,
  expires_at timestamptz NOT NULL
);`,
  ];
}

/** The SQL that removes the table of leases. Whoever holds one loses it. The schema stays. */
export function leaseTeardownSql(schema: string = DEFAULT_SCHEMA): readonly string[] {
  return [`DROP TABLE IF EXISTS ${table(schema)};`];
}

/** What a role needs besides CONNECT to hold leases. */
export function leaseGrantSql(role: string, schema: string = DEFAULT_SCHEMA): readonly string[] {
  return [
    `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${quoteIdentifier(role)};`,
    `GRANT SELECT, INSERT, UPDATE ON ${table(schema)} TO ${quoteIdentifier(role)};`,
  ];
}

const EXPIRY = "pg_catalog.clock_timestamp() + $3::int8 * '1 millisecond'::interval";

/** $1 name, $2 holder, $3 milliseconds. Gives the token, or no row while another one's lease lasts. */
export function takeSql(schema: string): string {
  return `INSERT INTO ${table(schema)} AS lease (name, holder, token, expires_at)
VALUES ($1, $2, 1, ${EXPIRY})
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = lease.token + 1, expires_at = ${EXPIRY}
WHERE lease.expires_at <= pg_catalog.clock_timestamp()
RETURNING token::text AS token`;
}

/** $1 name, $2 holder, $3 milliseconds, $4 token. A lease that has ended is not renewed, even when nobody has taken it. */
export function renewSql(schema: string): string {
  return `UPDATE ${table(schema)} SET expires_at = ${EXPIRY}
WHERE name = $1 AND holder = $2 AND token = $4::int8 AND expires_at > pg_catalog.clock_timestamp()`;
}

/** $1 name, $2 holder, $3 token. The row stays, so that tokens go on growing. */
export function releaseSql(schema: string): string {
  return `UPDATE ${table(schema)} SET expires_at = pg_catalog.clock_timestamp()
WHERE name = $1 AND holder = $2 AND token = $3::int8`;
}

/** $1 name. Who holds it, and for how many milliseconds yet. */
export function lookSql(schema: string): string {
  return `SELECT holder,
  pg_catalog.ceil(extract(epoch FROM expires_at - pg_catalog.clock_timestamp()) * 1000)::int8::text AS remaining_ms
FROM ${table(schema)} WHERE name = $1`;
}

/** $1 name. The number of the newest turn. */
export function turnSql(schema: string): string {
  return `SELECT token::text AS token FROM ${table(schema)} WHERE name = $1`;
}

/** An expression: 'true' while the lease lasts. */
export function guardSql(schema: string, name: string, holder: string, token: string): string {
  return `SELECT EXISTS (SELECT FROM ${table(schema)} AS lease WHERE lease.name = ${quoteLiteral(name)}
  AND lease.holder = ${quoteLiteral(holder)} AND lease.token = ${token} AND lease.expires_at > pg_catalog.clock_timestamp())::text`;
}
