import {
  dropEventTriggerSql,
  eventTriggerSql,
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  quoteLiteral,
  readEventTriggers,
  type ServerInfo,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import type { Problem } from '../setup/readiness.ts';
import { ddlMessagePrefix } from './ddl-message.ts';

type Settings = Pick<ReplicationSettings, 'ddl' | 'stateSchema'>;

/** Logical messages are sent since PostgreSQL 14. */
const OLDEST = 140_000;

/** Longer texts are not written into the log. */
const MAX_STATEMENT_BYTES = 64 * 1024;

const TAGS = ['ALTER TABLE', 'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO'];

function functionName({ stateSchema }: Settings): QualifiedName {
  return { schema: stateSchema, name: 'ddl_message' };
}

/**
 * Writes what was sent into the log, as a message of the transaction that altered the table; nothing else stands there that
 * tells the text. It must never fail, or the command of the application would: no text that the encoding cannot hold is
 * converted, and the message is written with the rights of the function's owner.
 * https://www.postgresql.org/docs/current/event-trigger-definition.html
 */
function functionBody(settings: Settings): string {
  return `
DECLARE
  said text;
BEGIN
  SELECT json_build_object(
           'tag', TG_TAG,
           'statement', CASE WHEN octet_length(current_query()) <= ${MAX_STATEMENT_BYTES} THEN current_query() END,
           'tables', json_agg(json_build_object('oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname)))::text
    INTO said
    FROM (SELECT DISTINCT d.objid FROM pg_event_trigger_ddl_commands() d
           WHERE d.classid = 'pg_class'::regclass AND NOT d.in_extension) o
    JOIN pg_class c ON c.oid = o.objid
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname <> ${quoteLiteral(settings.stateSchema)}
  HAVING count(*) > 0;
  IF said IS NOT NULL THEN
    PERFORM pg_logical_emit_message(true, ${quoteLiteral(ddlMessagePrefix(settings.stateSchema))}, convert_to(said,
      CASE WHEN getdatabaseencoding() IN ('SQL_ASCII', 'MULE_INTERNAL') THEN getdatabaseencoding() ELSE 'UTF8' END));
  END IF;
END
`;
}

function functionSql(settings: Settings): readonly string[] {
  const calls = functionName(settings);
  const signature = `${qualifiedName(calls)}()`;
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(settings.stateSchema)};`,
    `CREATE OR REPLACE FUNCTION ${signature} RETURNS event_trigger LANGUAGE plpgsql
  SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $certyo$${functionBody(settings)}$certyo$;`,
    `REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC;`,
  ];
}

function triggerSql(settings: Settings): readonly string[] {
  // An event trigger has no schema, and a name of 63 bytes.
  const schema = settings.stateSchema.replaceAll(/[^\w]/g, '_').slice(0, 40);
  return eventTriggerSql({
    name: `00_certyo_ddl_message_${schema}`,
    calls: functionName(settings),
    tags: TAGS,
  });
}

/** What stands in the way of the option `ddl`. */
export async function ddlProblems(
  session: SqlExecutor,
  settings: Settings,
  server: Pick<ServerInfo, 'versionNumber' | 'version'>,
  options: { readonly signal: AbortSignal },
): Promise<readonly Problem[]> {
  const tooOld = versionProblem(settings, server);
  if (tooOld !== null) return [tooOld];
  const missing = await ddlSetupSql(session, settings, options);
  if (missing.length === 0) return [];
  return [
    {
      what: 'The event trigger of the option ddl is missing, or not the one that is needed.',
      sql: missing.join('\n'),
      losesChanges: false,
    },
  ];
}

/** Why the server cannot tell statements, or null. */
export function versionProblem(
  { ddl }: Settings,
  server: Pick<ServerInfo, 'versionNumber' | 'version'>,
): Problem | null {
  if (!ddl || server.versionNumber >= OLDEST) return null;
  return {
    what: `The option ddl needs PostgreSQL 14, which sends logical messages; this is ${server.version}.`,
    sql: '-- leave the option ddl out: changes of columns are told without their statements',
    losesChanges: false,
  };
}

/** The statements that make what is missing of the event trigger; empty when there is nothing to do. */
export async function ddlSetupSql(
  session: SqlExecutor,
  settings: Settings,
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  if (!settings.ddl) return [];
  const calls = functionName(settings);
  const { rows } = await session.query<{ readonly body: string }>(
    `SELECT p.prosrc::text AS body FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      WHERE n.nspname = $1 AND p.proname = $2 AND p.pronargs = 0`,
    [calls.schema, calls.name],
    options,
  );
  const triggers = await readEventTriggers(session, calls, options);
  const isCurrent = rows[0]?.body === functionBody(settings);
  const isFiring = triggers.some(({ enabled }) => enabled === 'A');
  return [
    ...(isCurrent ? [] : functionSql(settings)),
    ...(isFiring
      ? []
      : [...triggers.map(({ name }) => dropEventTriggerSql(name)), ...triggerSql(settings)]),
  ];
}

/** The statements that remove it; empty where there is none. */
export async function ddlTeardownSql(
  session: SqlExecutor,
  settings: Settings,
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const calls = functionName(settings);
  const signature = `${qualifiedName(calls)}()`;
  const triggers = await readEventTriggers(session, calls, options);
  const { rows } = await session.query<{ readonly found: string | null }>(
    'SELECT pg_catalog.to_regprocedure($1)::text AS found',
    [signature],
    options,
  );
  return [
    ...triggers.map(({ name }) => dropEventTriggerSql(name)),
    ...(rows[0]?.found == null ? [] : [`DROP FUNCTION ${signature};`]),
  ];
}
