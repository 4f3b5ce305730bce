import { quoteIdentifier } from '@certyo-cdc/postgres';
import { type ChangeLogName, logPart, sqlPart } from './log-names.ts';

/** 120 bits from the server's cryptographic generator; before 13 it has none that SQL can call. */
function randomText(versionNumber: number): string {
  return versionNumber >= 130_000
    ? 'pg_catalog.gen_random_uuid()::text'
    : 'pg_catalog.md5(pg_catalog.random()::text || pg_catalog.clock_timestamp()::text)';
}

/**
 * The log: one row per change. Numbers are drawn inside the INSERT, so after the lock on the table, one by one (CACHE 1):
 * the reader's gap fence rests on both.
 *
 * The columns behind changed_at are only set in transactions in which triggers run inside other triggers (see `reorderFunction`).
 */
export function logTableSql(name: ChangeLogName): readonly string[] {
  const log = sqlPart(name, 'log');
  const sequence = sqlPart(name, 'sequence');
  return [
    `CREATE SEQUENCE ${sequence} CACHE 1;`,
    `CREATE TABLE ${log} (
  sequence int8 PRIMARY KEY DEFAULT pg_catalog.nextval('${literal(sequence)}'),
  xid int8 NOT NULL,
  relation oid NOT NULL,
  operation "char" NOT NULL,
  columns text NOT NULL,
  old_row text,
  new_row text,
  changed_at timestamptz NOT NULL,
  old_version text,
  new_version text,
  old_key text,
  new_key text,
  depth int4
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
  toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000);`,
    `ALTER SEQUENCE ${sequence} OWNED BY ${log}.sequence;`,
    `CREATE INDEX ${quoteIdentifier(logPart(name, 'successors').name)} ON ${log} (xid, relation, old_version) WHERE old_version IS NOT NULL;`,
    `CREATE INDEX ${quoteIdentifier(logPart(name, 'predecessors').name)} ON ${log} (xid, relation, new_version) WHERE new_version IS NOT NULL;`,
    `CREATE INDEX ${quoteIdentifier(logPart(name, 'takers').name)} ON ${log} (xid, relation, new_key) WHERE new_key IS NOT NULL;`,
  ];
}

/**
 * What the columns of a relation were. Not unique: waiting for another transaction's uncommitted description could make
 * writers wait for each other in a circle.
 */
export function columnsTableSql(name: ChangeLogName): readonly string[] {
  const columns = sqlPart(name, 'columns');
  return [
    `CREATE TABLE ${columns} (
  digest text NOT NULL,
  relation oid NOT NULL,
  root oid NOT NULL,
  schema text NOT NULL,
  name text NOT NULL,
  columns text NOT NULL,
  noted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);`,
    `CREATE INDEX ${quoteIdentifier(`${logPart(name, 'columns').name}_digest`)} ON ${columns} (digest);`,
  ];
}

/**
 * Which log it is, and how far it was pruned.
 *
 * Its numbers begin at the microseconds since 1970: those of a log that is made again after a teardown are greater than
 * those of the one before, so that no identity or version comes twice (I5).
 */
export function stateTableSql(name: ChangeLogName, versionNumber: number): readonly string[] {
  const state = sqlPart(name, 'state');
  return [
    `CREATE TABLE IF NOT EXISTS ${state} (
  id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  pruned_through int8 NOT NULL
);`,
    `DELETE FROM ${state};`,
    `INSERT INTO ${state} (id, pruned_through)
VALUES (${randomText(versionNumber)}, pg_catalog.setval('${literal(sqlPart(name, 'sequence'))}', (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8));`,
  ];
}

/** A number that only the owner of the log can read: a sequence is read faster than a table. */
export function secretSql(name: ChangeLogName, versionNumber: number): readonly string[] {
  const secret = sqlPart(name, 'secret');
  const hex = `pg_catalog.substr(pg_catalog.replace(${randomText(versionNumber)}, '-', ''), 1, 15)`;
  return [
    `CREATE SEQUENCE ${secret};`,
    `SELECT pg_catalog.setval('${literal(secret)}', 1 + ('x' || ${hex})::bit(60)::int8);`,
  ];
}

/** Inside single quotes. */
export function literal(text: string): string {
  return text.replaceAll("'", "''");
}
