import { type ResolvedConnection, sqlSession } from '@certyo-cdc/postgres';
import { readSlot } from '../setup/slot.ts';
import type { TextQuery } from '../stream/text-query.ts';
import type { Warning } from './slot-warnings.ts';

/** Time after which a standby that does not answer is left out of a look. */
const ANSWER_TIMEOUT_MS = 3_000;

// Null before PostgreSQL 17. A name in the list that has no active slot holds up every failover slot.
const SYNCHRONIZED_SQL = `
  SELECT pg_catalog.current_setting('synchronized_standby_slots', true) AS wanted,
         pg_catalog.pg_is_in_recovery()::text AS is_standby,
         (SELECT pg_catalog.to_json(f) ->> 'failover' FROM pg_catalog.pg_replication_slots f
           WHERE f.slot_name = $1) AS failover,
         (SELECT coalesce(pg_catalog.string_agg(s.slot_name, ','), '') FROM pg_catalog.pg_replication_slots s
           WHERE s.slot_type = 'physical' AND s.active) AS active`;

/**
 * What stands in the way of a failover without loss, as seen from the primary and from its standbys.
 * https://www.postgresql.org/docs/current/logicaldecoding-explanation.html#LOGICALDECODING-REPLICATION-SLOTS-SYNCHRONIZATION
 */
export async function failoverWarnings(
  query: TextQuery,
  slot: string,
  standbys: readonly ResolvedConnection[],
  signal: AbortSignal,
): Promise<readonly Warning[]> {
  const warnings: Warning[] = [...(await primaryWarnings(query, slot))];
  for (const standby of standbys) {
    const warning = await standbyWarning(standby, slot, signal);
    if (warning !== null) warnings.push(warning);
  }
  return warnings;
}

async function primaryWarnings(query: TextQuery, slot: string): Promise<readonly Warning[]> {
  const row = (await query(SYNCHRONIZED_SQL, [slot]))[0];
  if (row === undefined || row['is_standby'] === 'true') return [];
  if (row['failover'] === 'false') {
    return [
      {
        code: 'FAILOVER_NOT_SET',
        message: `No standby copies the slot "${slot}": it was made without failover. Stop the pipeline, run source.setup(), which alters the slot, and start it again.`,
      },
    ];
  }
  const wanted = (row['wanted'] ?? '').split(',').map((name) => name.trim().replaceAll('"', ''));
  const named = wanted.filter((name) => name !== '');
  if (named.length === 0) {
    return [
      {
        code: 'FAILOVER_UNPROTECTED',
        message: `Changes of the slot "${slot}" can be delivered before a standby has them, and a failover would then end in GAP_TIMELINE. Run on the primary: ALTER SYSTEM SET synchronized_standby_slots = '<the standby's primary_slot_name>'; SELECT pg_reload_conf();`,
      },
    ];
  }
  const active = (row['active'] ?? '').split(',');
  const missing = named.filter((name) => !active.includes(name));
  if (missing.length === 0) return [];
  return [
    {
      code: 'FAILOVER_STANDBY_AWAY',
      message: `The slot "${slot}" waits for the standbys of synchronized_standby_slots, and ${missing.join(', ')} is not connected: nothing is delivered until it is back, or taken out of the setting.`,
    },
  ];
}

async function standbyWarning(
  connection: ResolvedConnection,
  slot: string,
  signal: AbortSignal,
): Promise<Warning | null> {
  const where = `${connection.host}:${connection.port}`;
  const session = sqlSession(connection);
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  try {
    const query: TextQuery = async (sql, params = []) =>
      (await session.query(sql, params, { signal: inTime })).rows;
    const state = await readSlot(query, slot);
    if (state?.isSynced === true && !state.isTemporary && state.invalidation === null) return null;
    const reason =
      state === null
        ? 'does not have it: set sync_replication_slots = on, hot_standby_feedback = on, primary_slot_name, and dbname in primary_conninfo'
        : state.invalidation !== null
          ? `has it invalidated (${state.invalidation})`
          : 'has not saved it yet: it has to catch up with what the slot still needs';
    return {
      code: 'FAILOVER_NOT_SYNCED',
      message: `After a failover to ${where} the slot "${slot}" would be missing: that standby ${reason}.`,
    };
  } catch {
    signal.throwIfAborted();
    return {
      code: 'FAILOVER_NOT_SYNCED',
      message: `Whether the standby ${where} has the slot "${slot}" cannot be seen: it does not answer.`,
    };
  } finally {
    await session.close();
  }
}
