import { quoteLiteral } from '@certyo-cdc/postgres';
import type { Doorbell } from '../options.ts';
import type { FunctionBody } from './function-header.ts';
import {
  type ChangeLogName,
  DOORBELL_LOCK_CLASS,
  doorbellChannel,
  logPart,
  sqlPart,
} from './log-names.ts';
import { literal } from './log-tables.ts';

/**
 * Writes a TRUNCATE into the log, with the name of the very table that was emptied: a partition has one of its own. A
 * trigger is not told of CASCADE and RESTART IDENTITY.
 */
export function truncateFunction(name: ChangeLogName): FunctionBody {
  return {
    signature: `${sqlPart(name, 'truncate')}()`,
    returns: 'trigger',
    runs: 'values',
    body: `
BEGIN
  INSERT INTO ${sqlPart(name, 'log')} (xid, relation, operation, columns, old_row, changed_at)
  VALUES (txid_current(), TG_RELID, 'T', ${sqlPart(name, 'describe')}(TG_RELID),
          json_build_array(TG_TABLE_SCHEMA, TG_TABLE_NAME)::text, clock_timestamp());
  RETURN NULL;
END
`,
  };
}

/**
 * Wakes the reader. NOTIFY makes the transaction take a lock at commit that all notifying ones share, so it is left out
 * while the reader is awake: it holds the advisory lock only while it sleeps. Taking and giving back is one expression,
 * which no cancelling comes between.
 * https://www.postgresql.org/docs/current/sql-notify.html
 */
export function doorbellFunction(name: ChangeLogName, doorbell: Doorbell): FunctionBody {
  const ring = `PERFORM pg_notify(${quoteLiteral(doorbellChannel(name))}, '');`;
  // An oid above 2^31 is a negative int4.
  const key = `${DOORBELL_LOCK_CLASS}, '${literal(sqlPart(name, 'log'))}'::regclass::oid::int8::bit(32)::int4`;
  const body =
    doorbell === 'always'
      ? `  ${ring}`
      : `  IF (CASE WHEN pg_try_advisory_lock_shared(${key}) THEN NOT pg_advisory_unlock_shared(${key}) ELSE true END) THEN
    ${ring}
  END IF;`;
  return {
    signature: `${sqlPart(name, 'doorbell')}()`,
    returns: 'trigger',
    runs: 'path',
    body: `
BEGIN
${body}
  RETURN NULL;
END
`,
  };
}

/**
 * A log that is truncated looks like one whose transactions were rolled back. With rows in it, it is another log from then
 * on. Before the statement, while the rows are still there.
 */
export function emptiedFunction(name: ChangeLogName): FunctionBody {
  return {
    signature: `${sqlPart(name, 'emptied')}()`,
    returns: 'trigger',
    runs: 'path',
    body: `
BEGIN
  UPDATE ${sqlPart(name, 'state')} SET id = 'emptied ' || clock_timestamp()::text || ' ' || txid_current()::text
   WHERE EXISTS (SELECT FROM ${sqlPart(name, 'log')});
  RETURN NULL;
END
`,
  };
}

/** Writes into the log that a captured table was altered (operation S). */
export function ddlFunction(name: ChangeLogName): FunctionBody {
  const capture = logPart(name, 'capture');
  return {
    signature: `${sqlPart(name, 'ddl')}()`,
    returns: 'event_trigger',
    runs: 'values',
    body: `
BEGIN
  INSERT INTO ${sqlPart(name, 'log')} (xid, relation, operation, columns, changed_at)
  SELECT txid_current(), d.objid, 'S', ${sqlPart(name, 'describe')}(d.objid), clock_timestamp()
    FROM (SELECT DISTINCT c.objid FROM pg_event_trigger_ddl_commands() c WHERE c.classid = 'pg_class'::regclass) d
   WHERE EXISTS (SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                  WHERE t.tgrelid = d.objid AND p.proname = ${quoteLiteral(capture.name)}
                    AND p.pronamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = ${quoteLiteral(capture.schema)}));
END
`,
  };
}
