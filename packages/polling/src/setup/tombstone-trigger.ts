import {
  PINNED_SETTINGS,
  qualifiedName,
  quoteIdentifier,
  quoteLiteral,
} from '@certyo-cdc/postgres';
import { type DeletesTarget, pollingObjects } from './spec.ts';
import {
  digest,
  type ExpectedTrigger,
  FUNCTION_PATH,
  GENERIC_PLANS,
  type TriggerFunction,
} from './trigger.ts';

/** The triggers that write tombstones, by what they are for. */
export interface TombstoneTriggers {
  readonly deleted: string;
  readonly keyChanged: string;
  readonly truncated: string;
}

/** Names the tombstone triggers of a source. */
export function tombstoneTriggerNames(target: DeletesTarget): TombstoneTriggers {
  return {
    deleted: `certyo_${target.name}_deleted`,
    keyChanged: `certyo_${target.name}_key`,
    truncated: `certyo_${target.name}_truncated`,
  };
}

/** So that OLD::text means one thing whatever the writer's session says. The text stays in the database's encoding. */
const ROW_SETTINGS: Readonly<Record<string, string>> = {
  search_path: FUNCTION_PATH,
  DateStyle: PINNED_SETTINGS.DateStyle,
  IntervalStyle: PINNED_SETTINGS.IntervalStyle,
  TimeZone: PINNED_SETTINGS.TimeZone,
  bytea_output: PINNED_SETTINGS.bytea_output,
  extra_float_digits: PINNED_SETTINGS.extra_float_digits,
  lc_monetary: PINNED_SETTINGS.lc_monetary,
  quote_all_identifiers: PINNED_SETTINGS.quote_all_identifiers,
  ...GENERIC_PLANS,
};

/**
 * The function that writes a tombstone for a deleted row, or for the old key of a changed one.
 *
 * SECURITY DEFINER, because the writer needs no right on the tombstones. `format('%s')` prints a key as the server sends it,
 * where a cast to text would not (boolean, character(n), inet). Names are looked up each time, in the catalog of that very
 * moment, also in a transaction that alters the table. A key column that was renamed must not make the delete fail: the key is left out
 * then, and reading stops at it.
 */
export function deletedFunction(target: DeletesTarget, key: readonly string[]): TriggerFunction {
  const { tombstones, tombstoneColumns } = pollingObjects(target);
  const values = key.map((column) => `pg_catalog.format('%s', OLD.${quoteIdentifier(column)})`);
  const body = `
<<deleted>>
DECLARE
  shape pg_catalog.text[];
  has_key pg_catalog.bool;
  columns_id pg_catalog.int8;
  key_texts pg_catalog.text[];
BEGIN
  shape := ARRAY(
    SELECT pg_catalog.concat_ws(':', a.attnum, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated, a.attname)
      FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum);
  SELECT c.id, c.names @> ARRAY[${key.map(quoteLiteral).join(', ')}] INTO columns_id, has_key
    FROM ${qualifiedName(tombstoneColumns)} c
   WHERE c.relation = TG_RELID AND c.shape = deleted.shape LIMIT 1;
  IF columns_id IS NULL THEN
    INSERT INTO ${qualifiedName(tombstoneColumns)} AS c (relation, shape, names, columns)
    SELECT TG_RELID, deleted.shape, pg_catalog.array_agg(a.attname ORDER BY a.attnum),
           pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname, 'typeOid', a.atttypid::pg_catalog.int8,
             'typeModifier', a.atttypmod, 'typeName', pg_catalog.format_type(a.atttypid, a.atttypmod),
             'nullable', NOT a.attnotnull, 'generated', a.attgenerated <> '') ORDER BY a.attnum)::pg_catalog.text
      FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped
    RETURNING c.id, c.names @> ARRAY[${key.map(quoteLiteral).join(', ')}] INTO columns_id, has_key;
  END IF;
  IF has_key THEN
    key_texts := ARRAY[${values.join(', ')}];
  END IF;
  INSERT INTO ${qualifiedName(tombstones)} (xid, relation, operation, key, row, columns)
  VALUES (pg_catalog.pg_current_xact_id(), TG_ARGV[0]::pg_catalog.oid, CASE TG_OP WHEN 'DELETE' THEN 'D' ELSE 'K' END,
          key_texts, OLD::pg_catalog.text, columns_id);
  RETURN NULL;
END`;
  return {
    function: { schema: target.schema, name: `${target.name}_deleted_${digest(body)}` },
    body,
    settings: ROW_SETTINGS,
    isDefiner: true,
    provides: [`tombstones 1: ${JSON.stringify(key)}`],
  };
}

/** The function that notes a TRUNCATE. */
export function truncatedFunction(target: DeletesTarget): TriggerFunction {
  const { tombstones } = pollingObjects(target);
  const body = `
BEGIN
  INSERT INTO ${qualifiedName(tombstones)} (xid, relation, operation, row)
  VALUES (pg_catalog.pg_current_xact_id(), TG_ARGV[0]::pg_catalog.oid, 'T',
          pg_catalog.json_build_object('oid', TG_RELID::pg_catalog.int8, 'schema', TG_TABLE_SCHEMA, 'name', TG_TABLE_NAME)::pg_catalog.text);
  RETURN NULL;
END`;
  return {
    function: { schema: target.schema, name: `${target.name}_truncated_${digest(body)}` },
    body,
    settings: { search_path: FUNCTION_PATH },
    isDefiner: true,
    provides: ['tombstones 1: truncate'],
  };
}

/**
 * The triggers of one table: `oid` is the table as it is polled (of a partitioned table the root), noted in every tombstone.
 * An UPDATE only gets here when the bytes of its key have changed (1.0 to 1.00 is another key, as text). It is the function
 * behind the operator `*<>`: between two ROWs a dump would print the operator such that it is applied to each pair of columns,
 * and could not be restored. The condition costs a writer next to nothing; its price is that the
 * server refuses ALTER COLUMN … TYPE of a key column until the trigger is dropped.
 */
export function tombstoneTriggers(
  target: DeletesTarget,
  table: { readonly oid: number; readonly key: readonly string[] },
): readonly ExpectedTrigger[] {
  const names = tombstoneTriggerNames(target);
  const deleted = deletedFunction(target, table.key);
  const truncated = truncatedFunction(target);
  const argument = String(table.oid);
  const row = (record: string): string =>
    `ROW(${table.key.map((column) => `${record}.${quoteIdentifier(column)}`).join(', ')})`;
  return [
    {
      name: names.deleted,
      when: 'AFTER DELETE',
      level: 'ROW',
      condition: '',
      function: deleted.function,
      argument,
      type: 9,
      made: deleted,
    },
    {
      name: names.keyChanged,
      when: 'AFTER UPDATE',
      level: 'ROW',
      condition: `pg_catalog.record_image_ne(${row('OLD')}, ${row('NEW')})`,
      function: deleted.function,
      argument,
      type: 17,
      made: deleted,
    },
    {
      name: names.truncated,
      when: 'AFTER TRUNCATE',
      level: 'STATEMENT',
      condition: '',
      function: truncated.function,
      argument,
      type: 32,
      made: truncated,
    },
  ];
}

/** Makes the tables that the triggers write into. */
export function tombstoneTablesSql(target: DeletesTarget): readonly string[] {
  const { tombstones, tombstoneColumns } = pollingObjects(target);
  const on = qualifiedName(tombstones);
  return [
    `CREATE TABLE IF NOT EXISTS ${on} (
  sequence int8 GENERATED ALWAYS AS IDENTITY,
  xid xid8 NOT NULL,
  relation oid NOT NULL,
  operation "char" NOT NULL,
  key text[] COLLATE "C",
  row text,
  columns int8,
  deleted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (relation, xid, sequence)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);`,
    `CREATE INDEX IF NOT EXISTS ${quoteIdentifier(`${target.name}_tombstone_keys`)} ON ${on} (relation, pg_catalog.hash_array_extended(key, 0), sequence);`,
    `CREATE TABLE IF NOT EXISTS ${qualifiedName(tombstoneColumns)} (
  id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relation oid NOT NULL,
  shape text[] NOT NULL,
  names text[] NOT NULL,
  columns text NOT NULL,
  noted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);`,
    `CREATE INDEX IF NOT EXISTS ${quoteIdentifier(`${target.name}_tombstone_relations`)} ON ${qualifiedName(tombstoneColumns)} (relation);`,
  ];
}

/** Makes the table of the keys that were handed over. */
export function keysTableSql(target: DeletesTarget): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${qualifiedName(pollingObjects(target).keys)} (
  relation oid NOT NULL,
  key text[] COLLATE "C" NOT NULL,
  PRIMARY KEY (relation, key)
);`,
  ];
}
