import { qualifiedName, quoteIdentifier, sqlStateOf } from '@certyo-cdc/postgres';
import { OWN_MESSAGE_PREFIX } from '../stream/own-messages.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { repeat } from './repeat.ts';

// In a transaction, so that it is flushed at once. CASE leaves the call out on a standby.
const EMIT_SQL = `
  SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
              ELSE pg_catalog.pg_logical_emit_message(true, '${OWN_MESSAGE_PREFIX}', 'heartbeat') END::text AS lsn`;

/** The role may not call the function. */
const NO_PRIVILEGE = '42501';

export interface HeartbeatOptions {
  readonly everyMs: number;
  /** Runs statements in the captured database. */
  readonly captured: TextQuery;
  /** Runs statements where the state tables are. */
  readonly state: TextQuery;
  readonly stateSchema: string;
  readonly slot: string;
  /** Told once when neither way is open. */
  readonly onFailed: (error: unknown) => void;
}

/** The SQL that makes the table of heartbeats. Running it twice changes nothing. */
export function heartbeatSetupSql(schema: string): readonly string[] {
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)};`,
    `CREATE TABLE IF NOT EXISTS ${table(schema)} (
  name text PRIMARY KEY,
  beats bigint NOT NULL,
  at timestamptz NOT NULL
);`,
  ];
}

export function heartbeatTeardownSql(schema: string): readonly string[] {
  return [`DROP TABLE IF EXISTS ${table(schema)};`];
}

function table(schema: string): string {
  return qualifiedName({ schema, name: 'heartbeats' });
}

function beatSql(schema: string): string {
  return `INSERT INTO ${table(schema)} AS beat (name, beats, at) VALUES ($1, 1, pg_catalog.clock_timestamp())
ON CONFLICT (name) DO UPDATE SET beats = beat.beats + 1, at = pg_catalog.clock_timestamp()`;
}

/**
 * Writes a little into the log of an idle database, so that the slot can follow the log that others write.
 *
 * A logical message where that is allowed; else (the captured server is a standby, or the role lacks the right) a row of
 * the table `heartbeats` in the state schema. Neither ever becomes an event (I10).
 */
export function startHeartbeat(options: HeartbeatOptions): () => void {
  let byTable = false;
  let hasFailed = false;
  return repeat(options.everyMs, async () => {
    try {
      if (!byTable) {
        if (await emit(options.captured)) return;
        byTable = true;
      }
      await options.state(beatSql(options.stateSchema), [options.slot]);
      hasFailed = false;
    } catch (error) {
      // A connection that is away for a moment is no news; a statement that is refused is.
      if (!hasFailed && sqlStateOf(error) !== null) {
        hasFailed = true;
        options.onFailed(error);
      }
    }
  });
}

/** False where it is refused for good. */
async function emit(query: TextQuery): Promise<boolean> {
  try {
    return (await query(EMIT_SQL))[0]?.['lsn'] != null;
  } catch (error) {
    if (sqlStateOf(error) === NO_PRIVILEGE) return false;
    throw error;
  }
}
