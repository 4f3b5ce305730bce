import {
  FLUSHED_LSN_SQL,
  qualifiedName,
  quoteLiteral,
  SERVER_LIFE_SQL,
  WRITTEN_LSN_SQL,
} from '@certyo-cdc/postgres';
import type { QualifiedName } from '@certyo-cdc/postgres';

/** What every page tells of its snapshot. */
export interface PageHeader {
  /** Every transaction below it has ended. */
  readonly horizon: bigint;
  /** No transaction that the snapshot sees is as great. */
  readonly above: bigint;
  /** Oid of the table that the name means. */
  readonly oid: number;
  /** Names what the columns, the primary key and the rights on them are. */
  readonly columns: string;
  /** Whether row level security hides rows from us (P-14). */
  readonly isFiltered: boolean;
  readonly isStandby: boolean;
  /** Up to where the log was written and flushed; null on a standby. */
  readonly written: bigint | null;
  readonly flushed: bigint | null;
  /** Which life of the server it is, as `waitForFlush` wants to know (P-17). */
  readonly life: string;
  /** Whether the lease lasted; true where it is kept in another database. */
  readonly isHeld: boolean;
  /** When the statement arrived, before its snapshot was taken. */
  readonly askedAt: string;
  /** Which server it is: a lost connection is made again without anybody noticing, maybe to another one. */
  readonly server: ServerNow;
}

/** A server as far as transaction ids depend on it. */
export interface ServerNow {
  readonly systemIdentifier: string;
  /** The timeline that it writes; null on a standby. */
  readonly timeline: number | null;
}

/**
 * An SQL expression: a JSON array with the header's members. In one statement with the rows, so that both are of one
 * snapshot (P-16), and the columns are those that the statement found.
 */
export function headerSql(table: QualifiedName, guard: string | null): string {
  const relation = `${quoteLiteral(qualifiedName(table))}::pg_catalog.regclass`;
  const members = [
    'pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text',
    'pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text',
    `${relation}::pg_catalog.oid::text`,
    columnsHashSql(relation),
    `pg_catalog.row_security_active(${relation}::pg_catalog.oid)::text`,
    'pg_catalog.pg_is_in_recovery()::text',
    WRITTEN_LSN_SQL,
    FLUSHED_LSN_SQL,
    guard === null ? "'true'" : `(${guard})::text`,
    'pg_catalog.statement_timestamp()::text',
    '(SELECT system_identifier::text FROM pg_catalog.pg_control_system())',
    TIMELINE_SQL,
    SERVER_LIFE_SQL,
  ];
  return `pg_catalog.json_build_array(${members.join(', ')})::text`;
}

/**
 * An SQL expression: the timeline in the name of the file that is written now, in hexadecimal; null on a standby. That of
 * the last checkpoint is the old one for a while after a promotion.
 */
export const TIMELINE_SQL: string = `CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN
  pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END`;

export function parseTimeline(text: string | null): number | null {
  return text === null ? null : Number.parseInt(text, 16);
}

function columnsHashSql(relation: string): string {
  const column =
    "pg_catalog.concat_ws(':', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated, pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT'))";
  const key = `(SELECT pg_catalog.string_agg(x.indexrelid::text, ',') FROM pg_catalog.pg_index x WHERE x.indrelid = ${relation} AND x.indisprimary)`;
  return `(SELECT pg_catalog.hashtextextended(pg_catalog.concat(pg_catalog.string_agg(${column}, ',' ORDER BY a.attnum), ';', ${key}), 0)::text
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = ${relation} AND a.attnum > 0 AND NOT a.attisdropped)`;
}

/** Reads what `headerSql` gave. */
export function parseHeader(text: string): PageHeader {
  const members = JSON.parse(text) as readonly (string | null)[];
  const at = (index: number): string => members[index] ?? '';
  const lsn = (index: number): bigint | null => {
    const value = members[index];
    return value == null ? null : BigInt(value);
  };
  return {
    horizon: BigInt(at(0)),
    above: BigInt(at(1)),
    oid: Number(at(2)),
    columns: at(3),
    isFiltered: at(4) === 'true',
    isStandby: at(5) === 'true',
    written: lsn(6),
    flushed: lsn(7),
    life: at(12),
    isHeld: at(8) === 'true',
    askedAt: at(9),
    server: { systemIdentifier: at(10), timeline: parseTimeline(members[11] ?? null) },
  };
}
