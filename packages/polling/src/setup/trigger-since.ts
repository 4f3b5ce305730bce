import {
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  quoteLiteral,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import type { PollingSpec } from './spec.ts';
import { tombstoneTriggerNames } from './tombstone-trigger.ts';
import { bodyLiteral } from './trigger.ts';

const PREFIX = 'Made by certyo-cdc polling; fires since ';

/**
 * Notes in a trigger's comment since when it fires. In the transaction that makes or enables it, which holds the table's
 * lock: whoever writes later fires it. A comment does not touch the trigger's row in the catalog (P-06).
 */
export function triggerSinceSql(table: QualifiedName, trigger: string): string {
  const comment = `COMMENT ON TRIGGER ${quoteIdentifier(trigger)} ON ${qualifiedName(table)} IS `;
  return `DO ${bodyLiteral(`
BEGIN
  EXECUTE ${quoteLiteral(comment)} || pg_catalog.quote_literal(${quoteLiteral(PREFIX)}
    || pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
END`)};`;
}

/**
 * Since when the deletes of all tables leave tombstones, milliseconds since 1970: a source that takes over reads every row
 * from its beginning, but deletes only from there on. Null where no trigger tells.
 */
export async function readTombstonesSince(
  session: SqlExecutor,
  spec: PollingSpec,
  options: { readonly signal: AbortSignal },
): Promise<number | null> {
  const tables = spec.tables
    .filter(({ hardDeletes }) => hardDeletes === 'tombstone')
    .map(({ table }) => table);
  const { rows } = await session.query<{ readonly comment: string | null }>(
    `SELECT pg_catalog.obj_description(t.oid, 'pg_trigger') AS comment
       FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS w(schema, name)
       JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
       JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
       JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid
      WHERE t.tgname = ANY ($3::text[])`,
    [
      tables.map(({ schema }) => schema),
      tables.map(({ name }) => name),
      Object.values(tombstoneTriggerNames(spec)),
    ],
    options,
  );
  const times = rows.flatMap(({ comment }) =>
    comment?.startsWith(PREFIX) === true ? [Date.parse(comment.slice(PREFIX.length))] : [],
  );
  const known = times.filter((time) => !Number.isNaN(time));
  return known.length === 0 ? null : Math.max(...known);
}
