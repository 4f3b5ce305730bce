import { OWN_COLUMNS, quoteLiteral } from '@certyo-cdc/postgres';
import type { FunctionBody } from './function-header.ts';
import { type ChangeLogName, sqlPart } from './log-names.ts';
import { literal } from './log-tables.ts';

/** Ends the digest of a relation that has columns of this library. */
const OWN_MARK = '*';

const OWN = [...OWN_COLUMNS].map((column) => quoteLiteral(column)).join(', ');

/**
 * What writes a row's change into the log.
 *
 * The columns that the row has are those of the moment of the change, also where one transaction alters and writes by
 * turns: their digest is kept for the rows of one command, during which nobody can alter the table. A command is known by
 * its number (cmin, cmax), which a row shows unless its own transaction has touched it twice; then the catalog is
 * asked. The digest is kept in a setting of the transaction, which the writer could set as well: so it goes with a hash
 * over a secret. https://www.postgresql.org/docs/current/ddl-system-columns.html
 */
export function captureFunction(name: ChangeLogName): FunctionBody {
  const log = sqlPart(name, 'log');
  const hash = (text: string): string =>
    `encode(sha256(convert_to(${text}, getdatabaseencoding())), 'hex')`;
  return {
    signature: `${sqlPart(name, 'capture')}()`,
    returns: 'trigger',
    runs: 'values',
    body: `
#variable_conflict use_column
DECLARE
  v_xid int8 := txid_current();
  v_is_nested bool := pg_trigger_depth() > 1;
  v_old text;
  v_new text;
  v_command text;
  v_setting text;
  v_kept text;
  v_digest text;
  v_file text;
  v_sequence int8;
BEGIN
  IF TG_OP = 'DELETE' THEN
    v_old := OLD::text;
    -- Of a row that this transaction made itself, cmax is no command's number.
    IF age(OLD.xmin) > 0 THEN v_command := 'D' || OLD.cmax::text; END IF;
  ELSE
    v_new := NEW::text;
    IF TG_OP = 'UPDATE' THEN v_old := OLD::text; END IF;
    IF NEW.xmax = '0' THEN v_command := 'W' || NEW.cmin::text; END IF;
  END IF;

  IF v_command IS NOT NULL THEN
    v_setting := 'certyo.${name.log}_' || TG_RELID::text;
    v_command := concat_ws(' ', pg_sequence_last_value('${literal(sqlPart(name, 'secret'))}'::regclass), v_xid, TG_RELID, v_command);
    v_kept := current_setting(v_setting, true);
    v_digest := split_part(v_kept, ' ', 1);
    IF split_part(v_kept, ' ', 2) IS DISTINCT FROM ${hash("concat_ws(' ', v_command, v_digest)")} THEN v_digest := NULL; END IF;
  END IF;
  IF v_digest IS NULL THEN
    v_digest := ${sqlPart(name, 'describe')}(TG_RELID);
    IF v_command IS NOT NULL THEN
      PERFORM set_config(v_setting, v_digest || ' ' || ${hash("concat_ws(' ', v_command, v_digest)")}, true);
    END IF;
  END IF;

  IF TG_OP = 'UPDATE' AND right(v_digest, 1) = '${OWN_MARK}' AND NOT v_is_nested AND v_old <> v_new THEN
    -- What changes but columns of this library is no change.
    IF jsonb_populate_record(NEW, (
         SELECT jsonb_object_agg(o.key, o.value) FROM jsonb_each(to_jsonb(OLD)) AS o WHERE o.key IN (${OWN})
       ))::text = v_old THEN
      RETURN NULL;
    END IF;
  END IF;

  IF NOT v_is_nested AND (TG_OP = 'DELETE' OR v_command IS NOT NULL) THEN
    INSERT INTO ${log} (xid, relation, operation, columns, old_row, new_row, changed_at)
    VALUES (v_xid, TG_RELID, left(TG_OP, 1)::"char", v_digest, v_old, v_new, clock_timestamp());
    RETURN NULL;
  END IF;

  -- A row of a truncated or rewritten table may stand where another one stood: the file tells them apart.
  v_file := pg_relation_filenode(TG_RELID)::text;
  INSERT INTO ${log} AS l (xid, relation, operation, columns, old_row, new_row, changed_at, old_version, new_version)
  VALUES (v_xid, TG_RELID, left(TG_OP, 1)::"char", v_digest, v_old, v_new, clock_timestamp(),
          CASE WHEN v_is_nested AND TG_OP <> 'INSERT' THEN v_file || OLD.ctid::text END,
          CASE WHEN v_is_nested AND TG_OP <> 'DELETE' THEN v_file || NEW.ctid::text END)
  RETURNING l.sequence INTO v_sequence;
  IF TG_OP <> 'DELETE' THEN
    IF NEW.xmax <> '0' THEN
      PERFORM ${sqlPart(name, 'reorder')}(v_sequence, v_xid, TG_RELID, v_file || NEW.ctid::text);
    END IF;
  END IF;
  RETURN NULL;
END
`,
  };
}

/**
 * Notes what the columns of a relation are, unless that is noted already, and gives the digest.
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
  v_attributes text;
  v_digest text;
BEGIN
  v_attributes := concat(p_relation, ' ', v_root, ' ',
    (SELECT ROW(n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = v_root),
    ARRAY(SELECT ROW(a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated) FROM pg_attribute a
           WHERE a.attrelid = p_relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum));
  v_digest := left(encode(sha256(convert_to(v_attributes, getdatabaseencoding())), 'hex'), 32);
  IF EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = p_relation AND a.attname IN (${OWN}) AND NOT a.attisdropped) THEN
    v_digest := v_digest || '${OWN_MARK}';
  END IF;
  IF NOT EXISTS (SELECT FROM ${columns} k WHERE k.digest = v_digest) THEN
    INSERT INTO ${columns} (digest, relation, root, schema, name, columns)
    SELECT v_digest, p_relation, v_root, n.nspname, c.relname,
           coalesce((SELECT json_agg(json_build_object(
                      'name', a.attname, 'typeOid', a.atttypid::int8, 'typeName', format_type(a.atttypid, a.atttypmod),
                      'typeModifier', a.atttypmod, 'nullable', NOT a.attnotnull, 'generated', a.attgenerated <> '') ORDER BY a.attnum)
                      FROM pg_attribute a WHERE a.attrelid = p_relation AND a.attnum > 0 AND NOT a.attisdropped)::text, '[]')
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = v_root;
  END IF;
  RETURN v_digest;
END
`,
  };
}

/**
 * Puts an event that comes late in front of those that its change came before.
 *
 * The AFTER triggers of a statement's rows fire when all its rows are changed. What a trigger of the first row changes in
 * the second one is logged before the second row's own change: that one's row version has a successor by then, and
 * takes its place. Numbers move along the versions of that row; where the row ends or is keyed anew, all that
 * the transaction logged since moves.
 */
export function reorderFunction(name: ChangeLogName): FunctionBody {
  const log = sqlPart(name, 'log');
  return {
    signature: `${sqlPart(name, 'reorder')}(p_late int8, p_xid int8, p_relation oid, p_version text)`,
    returns: 'void',
    runs: 'caller',
    body: `
#variable_conflict use_column
DECLARE
  v_chain int8[] := '{}';
  v_version text := p_version;
  v_is_gone bool := false;
  v_next record;
BEGIN
  LOOP
    SELECT l.sequence, l.new_version INTO v_next FROM ${log} l
     WHERE l.xid = p_xid AND l.relation = p_relation AND l.old_version = v_version AND l.sequence < p_late LIMIT 1;
    EXIT WHEN NOT FOUND;
    v_chain := v_chain || v_next.sequence;
    v_version := v_next.new_version;
    IF v_version IS NULL THEN
      v_is_gone := true;
      EXIT;
    END IF;
  END LOOP;
  IF v_chain = '{}' THEN RETURN; END IF;
  IF v_is_gone THEN
    v_chain := ARRAY(SELECT l.sequence FROM ${log} l WHERE l.xid = p_xid AND l.sequence >= v_chain[1] AND l.sequence <= p_late ORDER BY l.sequence);
  ELSE
    v_chain := v_chain || p_late;
  END IF;
  -- Each takes the next one's number, the last the first one's, without any two of the same in between.
  UPDATE ${log} l SET sequence = -l.sequence WHERE l.sequence = ANY (v_chain);
  UPDATE ${log} l SET sequence = v_chain[m.i % cardinality(v_chain) + 1]
    FROM generate_subscripts(v_chain, 1) AS m(i) WHERE l.sequence = -v_chain[m.i];
END
`,
  };
}
