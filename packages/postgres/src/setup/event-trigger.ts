import type { SqlExecutor } from '../connection/sql-executor.ts';
import {
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  quoteLiteral,
} from '../identifier/quote.ts';

/** An event trigger that tells of commands that change tables. */
export interface EventTrigger {
  /** An event trigger has no schema. */
  readonly name: string;
  /** The function that it calls. */
  readonly calls: QualifiedName;
  /** The commands that it fires for, for example `ALTER TABLE`. */
  readonly tags: readonly string[];
}

/** An event trigger as the catalog has it. */
export interface FoundEventTrigger {
  readonly name: string;
  /** `A` for ENABLE ALWAYS. */
  readonly enabled: string;
}

/**
 * The SQL that makes an event trigger, which takes a superuser. ENABLE ALWAYS: it fires under
 * `session_replication_role = replica` too. https://www.postgresql.org/docs/current/sql-createeventtrigger.html
 */
export function eventTriggerSql({ calls, name, tags }: EventTrigger): readonly string[] {
  const trigger = quoteIdentifier(name);
  return [
    `CREATE EVENT TRIGGER ${trigger} ON ddl_command_end WHEN TAG IN (${tags.map((tag) => quoteLiteral(tag)).join(', ')}) EXECUTE FUNCTION ${qualifiedName(calls)}();`,
    `ALTER EVENT TRIGGER ${trigger} ENABLE ALWAYS;`,
  ];
}

/** The SQL that removes an event trigger. */
export function dropEventTriggerSql(name: string): string {
  return `DROP EVENT TRIGGER ${quoteIdentifier(name)};`;
}

const EVENT_TRIGGERS_SQL = `
SELECT e.evtname::text AS name, e.evtenabled::text AS enabled
  FROM pg_catalog.pg_event_trigger e
  JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
 WHERE p.pronamespace = (SELECT s.oid FROM pg_catalog.pg_namespace s WHERE s.nspname = $1) AND p.proname = $2`;

/** The event triggers that call a function, whatever their names. */
export async function readEventTriggers(
  session: SqlExecutor,
  calls: QualifiedName,
  options: { readonly signal: AbortSignal },
): Promise<readonly FoundEventTrigger[]> {
  const { rows } = await session.query<FoundEventTrigger>(
    EVENT_TRIGGERS_SQL,
    [calls.schema, calls.name],
    options,
  );
  return rows;
}
