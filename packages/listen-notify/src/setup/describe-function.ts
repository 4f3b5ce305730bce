import { OWN_COLUMNS, quoteLiteral } from '@certyo-cdc/postgres';
import type { FunctionBody } from './function-header.ts';
import { type ChangeLogName, sqlPart } from './log-names.ts';

/** Ends the digest of a relation that has columns of this library. */
export const OWN_MARK = '*';

/** This library's columns, for `IN (…)`. */
export const SQL_OWN_COLUMNS: string = [...OWN_COLUMNS]
  .map((column) => quoteLiteral(column))
  .join(', ');

/**
 * Notes what the columns of a relation are, unless that is noted already, and gives the digest.
 *
 * Queries see the catalog by the transaction's snapshot, which under REPEATABLE READ may be older than the table; the
 * parser always sees the table as it is. Where the two differ, the parser is believed: names and types are right then, what
 * it does not tell (length, nullability) is left open.
 */
export function describeFunction(name: ChangeLogName): FunctionBody {
  const columns = sqlPart(name, 'columns');
  return {
    signature: `${sqlPart(name, 'describe')}(p_relation oid)`,
    returns: 'text',
    runs: 'caller',
    body: `
#variable_conflict use_column
DECLARE
  v_root oid := coalesce(pg_partition_root(p_relation), p_relation);
  v_name text[] := (SELECT o.object_names FROM pg_identify_object_as_address('pg_class'::regclass, v_root, 0) AS o);
  v_table text;
  v_names text[];
  v_types oid[];
  v_columns text;
  v_text text;
  v_digest text;
BEGIN
  v_text := concat_ws(' ', p_relation, v_root, v_name::text,
    ARRAY(SELECT ROW(a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated) FROM pg_attribute a
           WHERE a.attrelid = p_relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)::text);
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    v_table := p_relation::regclass::text;
    EXECUTE format('SELECT ARRAY(SELECT json_object_keys(row_to_json(x)) FROM (SELECT (NULL::%s).*) x)', v_table) INTO v_names;
    EXECUTE format('SELECT ARRAY[%s]::oid[]', (
      SELECT string_agg(format('pg_typeof((NULL::%s).%I)::oid', v_table, n.name), ', ' ORDER BY n.i)
        FROM unnest(v_names) WITH ORDINALITY AS n(name, i))) INTO v_types;
    IF ROW(v_names, v_types)::text IS DISTINCT FROM (
         SELECT ROW(coalesce(array_agg(a.attname ORDER BY a.attnum), '{}'), coalesce(array_agg(a.atttypid ORDER BY a.attnum), '{}'))::text
           FROM pg_attribute a WHERE a.attrelid = p_relation AND a.attnum > 0 AND NOT a.attisdropped) THEN
      v_columns := (SELECT json_agg(json_build_object(
          'name', n.name, 'typeOid', n.type::int8, 'typeName', format_type(n.type, NULL), 'typeModifier', coalesce(a.atttypmod, -1),
          'nullable', NOT coalesce(a.attnotnull, false), 'generated', coalesce(a.attgenerated <> '', false)) ORDER BY n.i)::text
        FROM unnest(v_names, v_types) WITH ORDINALITY AS n(name, type, i)
        LEFT JOIN pg_attribute a ON a.attrelid = p_relation AND a.attname = n.name AND a.atttypid = n.type AND NOT a.attisdropped);
      v_text := concat_ws(' ', p_relation, v_root, v_name::text, v_columns);
    END IF;
  END IF;
  v_digest := left(encode(sha256(convert_to(v_text, getdatabaseencoding())), 'hex'), 32);
  IF (v_names IS NULL AND EXISTS (SELECT FROM pg_attribute a
         WHERE a.attrelid = p_relation AND a.attname IN (${SQL_OWN_COLUMNS}) AND NOT a.attisdropped))
     OR v_names && ARRAY[${SQL_OWN_COLUMNS}] THEN
    v_digest := v_digest || '${OWN_MARK}';
  END IF;
  IF NOT EXISTS (SELECT FROM ${columns} k WHERE k.digest = v_digest) THEN
    v_columns := coalesce(v_columns, (SELECT json_agg(json_build_object(
        'name', a.attname, 'typeOid', a.atttypid::int8, 'typeName', format_type(a.atttypid, a.atttypmod), 'typeModifier', a.atttypmod,
        'nullable', NOT a.attnotnull, 'generated', a.attgenerated <> '') ORDER BY a.attnum)::text
      FROM pg_attribute a WHERE a.attrelid = p_relation AND a.attnum > 0 AND NOT a.attisdropped), '[]');
    INSERT INTO ${columns} (digest, relation, root, schema, name, columns)
    VALUES (v_digest, p_relation, v_root, v_name[1], v_name[2], v_columns);
  END IF;
  RETURN v_digest;
END
`,
  };
}
