import { OWN_MARK, SQL_OWN_COLUMNS } from './describe-function.ts';
import type { FunctionBody } from './function-header.ts';
import { type ChangeLogName, sqlPart } from './log-names.ts';
import { literal } from './log-tables.ts';

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
  v_depth int4 := pg_trigger_depth();
  v_old text;
  v_new text;
  v_command text;
  v_setting text;
  v_kept text;
  v_own jsonb;
  v_digest text;
  v_is_noted bool;
  v_is_late bool;
  v_file text;
  v_old_version text;
  v_new_version text;
  v_old_key text;
  v_new_key text;
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

  IF TG_OP = 'UPDATE' AND right(v_digest, 1) = '${OWN_MARK}' AND v_depth = 1 AND v_old <> v_new THEN
    -- What changes but columns of this library is no change. Types that are not built in may have casts to json, which would
    -- run here with the rights of the log's owner.
    v_kept := (SELECT string_agg(format('%L, ($1).%I', a.attname, a.attname), ', ') FROM pg_attribute a
      WHERE a.attrelid = TG_RELID AND a.attname IN (${SQL_OWN_COLUMNS}) AND NOT a.attisdropped AND a.atttypid < 16384);
    IF v_kept IS NOT NULL THEN
      EXECUTE 'SELECT jsonb_build_object(' || v_kept || ')' INTO v_own USING OLD;
      IF jsonb_populate_record(NEW, v_own)::text = v_old THEN RETURN NULL; END IF;
    END IF;
  END IF;

  v_is_noted := v_depth > 1 OR coalesce(current_setting('certyo.${name.log}_nested', true), '') = v_xid::text;
  v_is_late := TG_OP <> 'DELETE' AND v_command IS NULL;
  IF NOT v_is_noted AND NOT v_is_late THEN
    INSERT INTO ${log} (xid, relation, operation, columns, old_row, new_row, changed_at)
    VALUES (v_xid, TG_RELID, left(TG_OP, 1)::"char", v_digest, v_old, v_new, clock_timestamp());
    RETURN NULL;
  END IF;

  -- A row of a truncated or rewritten table may stand where another one stood: the file tells them apart.
  v_file := pg_relation_filenode(TG_RELID)::text;
  IF TG_OP <> 'INSERT' THEN
    v_old_version := v_file || OLD.ctid::text;
    v_old_key := ${sqlPart(name, 'key')}(TG_RELID, OLD);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    v_new_version := v_file || NEW.ctid::text;
    v_new_key := ${sqlPart(name, 'key')}(TG_RELID, NEW);
  END IF;
  IF v_old_key = v_new_key THEN
    v_old_key := NULL;
    v_new_key := NULL;
  END IF;
  INSERT INTO ${log} AS l (xid, relation, operation, columns, old_row, new_row, changed_at, old_version, new_version, old_key, new_key, depth)
  VALUES (v_xid, TG_RELID, left(TG_OP, 1)::"char", v_digest, v_old, v_new, clock_timestamp(),
          v_old_version, v_new_version, v_old_key, v_new_key, v_depth)
  RETURNING l.sequence INTO v_sequence;
  PERFORM set_config('certyo.${name.log}_nested', v_xid::text, true);
  IF v_is_late OR v_old_key IS NOT NULL THEN
    PERFORM ${sqlPart(name, 'reorder')}(v_sequence, v_xid);
  END IF;
  RETURN NULL;
END
`,
  };
}
