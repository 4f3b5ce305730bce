import { qualifiedName, quoteIdentifier, quoteLiteral } from '@certyo-cdc/postgres';

import { compareKeys, type KeyTerm } from '../store/key-operators.ts';
import { STATUS_TRIGGER } from './status-trigger.ts';
import { columnList, type TargetTable } from './target-table.ts';

function keyTerms(table: TargetTable): readonly KeyTerm[] {
  return table.keyOperators.map((operators, index) => ({
    sql: `t.${quoteIdentifier(table.key[index] ?? '')}`,
    operators,
  }));
}

/** `$first` and following: one array of texts per key column. */
function wanted(table: TargetTable, first: number, more: readonly string[] = []): string {
  const arrays = [
    ...table.key.map((_, index) => `pg_catalog.unnest($${String(first + index)}::text[])`),
    ...more,
  ];
  return `ROWS FROM (${arrays.join(', ')}) WITH ORDINALITY`;
}

function keyNames(table: TargetTable): string {
  return table.key.map((_, index) => `k${String(index)}`).join(', ');
}

function isWanted(table: TargetTable): string {
  return keyTerms(table)
    .map(
      ({ operators: { baseType, cast, equals }, sql }, index) =>
        `${sql}${cast} ${equals} w.k${String(index)}::${baseType}`,
    )
    .join(' AND ');
}

function order(table: TargetTable): string {
  return keyTerms(table)
    .map(({ sql }) => sql)
    .join(', ');
}

/**
 * $1 and following: key texts by column. Rows in the order of the key (V-10), with `n`, the number of the key that was asked for.
 * Locked ones are left out when `locks`: nobody waits for anybody.
 */
export function readRowsSql(table: TargetTable, locks: boolean): string {
  return `SELECT w.n::text AS n, ${columnList(table)} FROM ${wanted(table, 1)} AS w(${keyNames(table)}, n)
JOIN ${qualifiedName(table.name)} AS t ON ${isWanted(table)}
ORDER BY ${order(table)}${locks ? ' FOR NO KEY UPDATE OF t SKIP LOCKED' : ''}`;
}

/** $1 statuses, $2 record hashes, $3 and following key texts by column. */
export function writeStatusSql(table: TargetTable): string {
  const { recordHash, status, verifiedAt } = table.status;
  const set = [
    `${quoteIdentifier(status)} = w.status`,
    ...(recordHash === null ? [] : [`${quoteIdentifier(recordHash)} = w.record_hash`]),
    ...(verifiedAt === null ? [] : [`${quoteIdentifier(verifiedAt)} = pg_catalog.now()`]),
  ];
  const more = ['pg_catalog.unnest($1::text[])', 'pg_catalog.unnest($2::text[])'];
  return `UPDATE ${qualifiedName(table.name)} AS t SET ${set.join(', ')}
FROM ${wanted(table, 3, more)} AS w(${keyNames(table)}, status, record_hash, n) WHERE ${isWanted(table)}`;
}

/** Rows that one statement of a pass goes through: nearly all of a large table may be anchored. */
export const SCANNED_ROWS = 5_000;

/**
 * $1 most rows, $2 and following the key texts of the last row seen, where there is one. Rows that are not known to be anchored, and
 * the last one that was gone through where there may be more, with `n`, its number, and `is_open`.
 */
export function openRowsSql(table: TargetTable, isContinued: boolean): string {
  const status = `t.${quoteIdentifier(table.status.status)}::text`;
  const last = table.key.map((_, index) => `$${String(index + 2)}::text`);
  const behind = isContinued ? ` WHERE ${compareKeys(keyTerms(table), 'greater', last)}` : '';
  const most = String(SCANNED_ROWS);
  return `SELECT p.* FROM (
  SELECT ${columnList(table)}, (${status} IS DISTINCT FROM 'anchored')::text AS is_open,
    pg_catalog.row_number() OVER (ORDER BY ${order(table)}) AS n
  FROM ${qualifiedName(table.name)} AS t${behind} ORDER BY ${order(table)} LIMIT ${most}) AS p
WHERE p.is_open = 'true' OR p.n = ${most} ORDER BY p.n LIMIT $1::int4`;
}

/** $1 oid. The triggers that an UPDATE of a row sets off, but ours. */
export function triggersSql(): string {
  return `SELECT pg_catalog.string_agg(g.tgname, ', ' ORDER BY g.tgname) AS names FROM pg_catalog.pg_trigger g
WHERE g.tgrelid = $1::oid AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND (g.tgtype & 16) <> 0
  AND g.tgname <> ${quoteLiteral(STATUS_TRIGGER)}`;
}
