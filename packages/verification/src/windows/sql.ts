import { DEFAULT_SCHEMA, quoteIdentifier } from '@certyo-cdc/postgres';

import { isoTime } from '../receipts/query-sql.ts';
import { ledgerTable } from '../receipts/sql.ts';

/** The SQL that makes the tables of windows. Running it twice changes nothing. */
export function windowSetupSql(schema: string = DEFAULT_SCHEMA): readonly string[] {
  const table = (name: string): string => ledgerTable(schema, name);
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)};`,
    `CREATE TABLE IF NOT EXISTS ${table('window_chains')} (
  pipeline text PRIMARY KEY,
  number int8 NOT NULL,
  hash text,
  revision text,
  position text,
  opened_at timestamptz NOT NULL
);`,
    `CREATE TABLE IF NOT EXISTS ${table('window_spans')} (
  pipeline text NOT NULL,
  revision text NOT NULL,
  span text NOT NULL,
  PRIMARY KEY (pipeline, revision)
);`,
    `CREATE TABLE IF NOT EXISTS ${table('windows')} (
  pipeline text NOT NULL,
  number int8 NOT NULL,
  content text NOT NULL,
  hash text NOT NULL,
  PRIMARY KEY (pipeline, number)
);`,
  ];
}

/** The SQL that removes the tables with every window. The schema stays: it may hold other things. */
export function windowTeardownSql(schema: string = DEFAULT_SCHEMA): readonly string[] {
  return ['window_spans', 'window_chains', 'windows'].map(
    (name) => `DROP TABLE IF EXISTS ${ledgerTable(schema, name)};`,
  );
}

/** What the role of a pipeline needs besides CONNECT to keep windows. It cannot change or remove a closed one. */
export function windowGrantSql(role: string, schema: string = DEFAULT_SCHEMA): readonly string[] {
  const to = quoteIdentifier(role);
  const table = (name: string): string => ledgerTable(schema, name);
  return [
    `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${to};`,
    `GRANT SELECT, INSERT, UPDATE ON ${table('window_chains')} TO ${to};`,
    `GRANT SELECT, INSERT, DELETE ON ${table('window_spans')} TO ${to};`,
    `GRANT SELECT, INSERT ON ${table('windows')} TO ${to};`,
  ];
}

/** What a role needs besides CONNECT to anchor windows and to check their chain. */
export function windowReadGrantSql(
  role: string,
  schema: string = DEFAULT_SCHEMA,
): readonly string[] {
  const to = quoteIdentifier(role);
  const tables = ['windows', 'window_chains', 'window_spans'].map((name) =>
    ledgerTable(schema, name),
  );
  return [
    `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${to};`,
    `GRANT SELECT ON ${tables.join(', ')} TO ${to};`,
  ];
}

/** $1 pipeline, $2 revision, $3 position. Where a chain begins that is not there yet. */
export function beginChainSql(schema: string): string {
  return `INSERT INTO ${ledgerTable(schema, 'window_chains')} (pipeline, number, revision, position, opened_at)
VALUES ($1, 0, $2, $3, pg_catalog.clock_timestamp()) ON CONFLICT (pipeline) DO NOTHING`;
}

const CHAIN = `number::text AS number, hash, revision, position, ${isoTime('opened_at')} AS opened_at,
  ${isoTime('pg_catalog.clock_timestamp()')} AS now`;

/** $1 pipeline. Two lives of one pipeline wait for each other here. */
export function lockChainSql(schema: string): string {
  return `SELECT ${CHAIN} FROM ${ledgerTable(schema, 'window_chains')} WHERE pipeline = $1 FOR UPDATE`;
}

/** $1 pipeline. */
export function chainSql(schema: string): string {
  return `SELECT ${CHAIN} FROM ${ledgerTable(schema, 'window_chains')} WHERE pipeline = $1`;
}

/** $1 pipeline. Where its chain ends, with each span that is staged: all of one moment. */
export function reachSql(schema: string): string {
  return `SELECT c.revision, c.position, s.span FROM ${ledgerTable(schema, 'window_chains')} AS c
LEFT JOIN ${ledgerTable(schema, 'window_spans')} AS s ON s.pipeline = c.pipeline WHERE c.pipeline = $1`;
}

/** All pipelines that have a chain. */
export function pipelinesSql(schema: string): string {
  return `SELECT pipeline FROM ${ledgerTable(schema, 'window_chains')} ORDER BY pipeline COLLATE "C"`;
}

/** $1 pipeline, $2 number, $3 hash, $4 revision, $5 position, $6 time. */
export function moveChainSql(schema: string): string {
  return `UPDATE ${ledgerTable(schema, 'window_chains')}
SET number = $2::int8, hash = $3, revision = $4, position = $5, opened_at = $6::timestamptz WHERE pipeline = $1`;
}

/** $1 pipeline, $2 revision, $3 span. */
export function stageSql(schema: string): string {
  return `INSERT INTO ${ledgerTable(schema, 'window_spans')} (pipeline, revision, span) VALUES ($1, $2, $3)
ON CONFLICT (pipeline, revision) DO NOTHING`;
}

/** $1 pipeline. */
export function spansSql(schema: string): string {
  return `SELECT span FROM ${ledgerTable(schema, 'window_spans')} WHERE pipeline = $1`;
}

/** $1 pipeline, $2 revisions as a JSON array. */
export function dropSpansSql(schema: string): string {
  return `DELETE FROM ${ledgerTable(schema, 'window_spans')} WHERE pipeline = $1 AND revision IN (SELECT pg_catalog.json_array_elements_text($2::json))`;
}

/** $1 pipeline, $2 number, $3 content, $4 hash. */
export function addWindowSql(schema: string): string {
  return `INSERT INTO ${ledgerTable(schema, 'windows')} (pipeline, number, content, hash) VALUES ($1, $2::int8, $3, $4)`;
}

/** $1 pipeline, $2 number after which to begin, $3 limit. */
export function windowsSql(schema: string): string {
  return `SELECT w.number::text AS number, w.content, w.hash FROM ${ledgerTable(schema, 'windows')} AS w
WHERE w.pipeline = $1 AND w.number > $2::int8 ORDER BY w.number LIMIT $3::int4`;
}
