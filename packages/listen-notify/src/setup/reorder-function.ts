import type { FunctionBody } from './function-header.ts';
import { type ChangeLogName, sqlPart } from './log-names.ts';

/**
 * Puts an event that comes late in front of those that its change came before.
 *
 * The AFTER triggers of a statement's rows fire when all its rows are changed. What a trigger of the first row changes in
 * the second one is logged before the second row's own change. That is seen by two things: the row version that the late
 * change made has a successor in the log, or the key that it gave up is taken by a deeper trigger. Versions and keys are only
 * noted from the first trigger on that runs inside another one, so that other transactions pay nothing for it.
 *
 * The late event goes there with those before it that waited for it as their only link. Numbers move among the versions of
 * that one row; where it ends or changes its key on the way, among all that the transaction has logged since.
 */
export function reorderFunction(name: ChangeLogName): FunctionBody {
  const log = sqlPart(name, 'log');
  return {
    signature: `${sqlPart(name, 'reorder')}(p_late int8, p_xid int8)`,
    returns: 'void',
    runs: 'caller',
    body: `
#variable_conflict use_column
DECLARE
  v_late record;
  v_next record;
  v_version text;
  v_key text;
  v_taken int8;
  v_first int8;
  v_is_other bool := false;
  v_before int8[] := '{}';
  v_after int8[] := '{}';
  v_order int8[];
  v_places int8[];
BEGIN
  SELECT l.relation, l.old_version, l.new_version, l.old_key, l.new_key, l.depth INTO v_late FROM ${log} l WHERE l.sequence = p_late;
  -- What followed on the version that it made.
  v_version := v_late.new_version;
  WHILE v_version IS NOT NULL LOOP
    SELECT l.sequence, l.new_version, l.new_key INTO v_next FROM ${log} l
     WHERE l.xid = p_xid AND l.relation = v_late.relation AND l.old_version = v_version AND l.sequence < p_late LIMIT 1;
    EXIT WHEN NOT FOUND;
    v_after := v_after || v_next.sequence;
    v_version := v_next.new_version;
    v_is_other := v_is_other OR v_version IS NULL OR v_next.new_key IS NOT NULL;
  END LOOP;
  -- Who took the key that it gave up: not the one that the version comes from that it ended, and none before that.
  IF v_late.old_key IS NOT NULL THEN
    FOR v_next IN SELECT l.sequence, l.new_version, l.depth FROM ${log} l
       WHERE l.xid = p_xid AND l.relation = v_late.relation AND l.new_key = v_late.old_key AND l.sequence < p_late
       ORDER BY l.sequence DESC
    LOOP
      v_version := v_next.new_version;
      WHILE v_version <> v_late.old_version LOOP
        v_version := (SELECT l.new_version FROM ${log} l
          WHERE l.xid = p_xid AND l.relation = v_late.relation AND l.old_version = v_version AND l.sequence < p_late LIMIT 1);
      END LOOP;
      EXIT WHEN v_version = v_late.old_version;
      IF v_next.depth > v_late.depth THEN v_taken := v_next.sequence; END IF;
    END LOOP;
  END IF;
  v_first := least(v_after[1], v_taken);
  IF v_first IS NULL THEN RETURN; END IF;
  -- What came before it, but was logged behind the place where it goes.
  v_version := v_late.old_version;
  v_key := v_late.new_key;
  LOOP
    SELECT l.sequence, l.old_version, l.new_key, l.old_key INTO v_next FROM ${log} l
     WHERE l.xid = p_xid AND l.relation = v_late.relation AND l.new_version = v_version AND l.sequence > v_first AND l.sequence < p_late LIMIT 1;
    IF NOT FOUND AND v_key IS NOT NULL THEN
      SELECT l.sequence, l.old_version, l.new_key, l.old_key INTO v_next FROM ${log} l
       WHERE l.xid = p_xid AND l.relation = v_late.relation AND l.old_key = v_key AND l.sequence > v_first AND l.sequence < p_late
         AND NOT l.sequence = ANY (v_before || v_after)
         -- Not one that took the key itself behind that place.
         AND NOT EXISTS (WITH RECURSIVE held AS (
               SELECT b.sequence, b.old_version, b.new_key FROM ${log} b
                WHERE b.xid = p_xid AND b.relation = v_late.relation AND b.new_version = l.old_version AND b.sequence < p_late
               UNION ALL
               SELECT b.sequence, b.old_version, b.new_key FROM held h JOIN ${log} b ON b.new_version = h.old_version
                WHERE h.new_key IS NULL AND b.xid = p_xid AND b.relation = v_late.relation AND b.sequence < p_late)
               SELECT FROM held WHERE held.new_key = v_key AND held.sequence > v_first)
       ORDER BY l.sequence DESC LIMIT 1;
    END IF;
    EXIT WHEN NOT FOUND OR v_next.sequence = ANY (v_before);
    v_before := v_next.sequence || v_before;
    v_version := v_next.old_version;
    v_key := v_next.new_key;
    v_is_other := v_is_other OR v_next.old_key IS NOT NULL;
  END LOOP;
  IF v_is_other OR v_taken IS NOT NULL THEN
    v_after := ARRAY(SELECT l.sequence FROM ${log} l
      WHERE l.xid = p_xid AND l.sequence >= v_first AND l.sequence < p_late AND NOT l.sequence = ANY (v_before) ORDER BY l.sequence);
  END IF;
  v_order := v_before || p_late || v_after;
  v_places := ARRAY(SELECT n FROM unnest(v_order) AS n ORDER BY n);
  -- In two steps, so that no two have the same number in between.
  UPDATE ${log} l SET sequence = -l.sequence WHERE l.sequence = ANY (v_order);
  UPDATE ${log} l SET sequence = v_places[m.i] FROM generate_subscripts(v_order, 1) AS m(i) WHERE l.sequence = -v_order[m.i];
END
`,
  };
}

/** The primary key of a row, or null where there is none. */
export function keyFunction(name: ChangeLogName): FunctionBody {
  return {
    signature: `${sqlPart(name, 'key')}(p_relation oid, p_row anyelement)`,
    returns: 'text',
    runs: 'caller',
    body: `
DECLARE
  v_columns text := (SELECT string_agg(format('($1).%I', a.attname), ', ' ORDER BY a.attnum)
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
   WHERE i.indrelid = p_relation AND i.indisprimary);
  v_key text;
BEGIN
  IF v_columns IS NULL THEN RETURN NULL; END IF;
  EXECUTE 'SELECT ROW(' || v_columns || ')::text' INTO v_key USING p_row;
  RETURN v_key;
END
`,
  };
}
