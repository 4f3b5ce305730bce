import { quoteIdentifier } from '../identifier/quote.ts';
import { DEFAULT_SCHEMA } from '../setup/store-session.ts';

function table(schema: string): string {
  return `${quoteIdentifier(schema)}.checkpoints`;
}

/** The SQL that makes the checkpoint table. Running it twice changes nothing. */
export function checkpointSetupSql(schema: string = DEFAULT_SCHEMA): readonly string[] {
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)};`,
    `CREATE TABLE IF NOT EXISTS ${table(schema)} (
  name text PRIMARY KEY,
  revision text NOT NULL,
  kind text NOT NULL,
  epoch bigint NOT NULL,
  position text NOT NULL,
  identity text NOT NULL,
  state text NOT NULL,
  saved_at timestamptz NOT NULL
);`,
  ];
}

/** The SQL that removes the checkpoint table, and with it where every pipeline goes on. The schema stays. */
export function checkpointTeardownSql(schema: string = DEFAULT_SCHEMA): readonly string[] {
  return [`DROP TABLE IF EXISTS ${table(schema)};`];
}

/** What a role needs besides CONNECT to load and save checkpoints. */
export function checkpointGrantSql(
  role: string,
  schema: string = DEFAULT_SCHEMA,
): readonly string[] {
  return [
    `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${quoteIdentifier(role)};`,
    `GRANT SELECT, INSERT, UPDATE ON ${table(schema)} TO ${quoteIdentifier(role)};`,
  ];
}

/** $1 name. */
export function loadSql(schema: string): string {
  return `SELECT revision, kind, epoch::text AS epoch, position, identity, state,
  pg_catalog.floor(extract(epoch FROM saved_at) * 1000)::int8::text AS saved_at_ms
FROM ${table(schema)} WHERE name = $1`;
}

/** $1 name, $2 revision, $3 kind, $4 epoch, $5 position, $6 identity, $7 state. */
export function insertSql(schema: string): string {
  return `INSERT INTO ${table(schema)} (name, revision, kind, epoch, position, identity, state, saved_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, pg_catalog.clock_timestamp()) ON CONFLICT (name) DO NOTHING`;
}

/** As `insertSql`, and $8 the revision that it replaces. */
export function updateSql(schema: string): string {
  return `UPDATE ${table(schema)}
SET revision = $2, kind = $3, epoch = $4, position = $5, identity = $6, state = $7, saved_at = pg_catalog.clock_timestamp()
WHERE name = $1 AND revision = $8`;
}

/** Where kind, identity and state are those of the revision that is replaced: $1 name, $2 revision, $3 epoch, $4 position, $5 the revision that it replaces. */
export function updatePositionSql(schema: string): string {
  return `UPDATE ${table(schema)}
SET revision = $2, epoch = $3, position = $4, saved_at = pg_catalog.clock_timestamp()
WHERE name = $1 AND revision = $5`;
}

/** $1 name. */
export function revisionSql(schema: string): string {
  return `SELECT revision FROM ${table(schema)} WHERE name = $1`;
}
