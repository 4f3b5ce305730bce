import { GapError, SourceConnectionError, SourceSetupError } from '@certyo-cdc/core';
import { formatLsn, type Lsn, parseLsn } from '../protocol/lsn.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { twoPhaseError } from './two-phase-error.ts';

/** A row of pg_replication_slots. https://www.postgresql.org/docs/current/view-pg-replication-slots.html */
export interface SlotState {
  readonly name: string;
  readonly plugin: string | null;
  readonly database: string | null;
  readonly isLogical: boolean;
  readonly isTemporary: boolean;
  readonly activePid: number | null;
  readonly confirmedFlush: Lsn | null;
  /** `reserved`, `extended`, `unreserved` or `lost`; null before PostgreSQL 13. */
  readonly walStatus: string | null;
  /** Why the server gave the slot up; null when it did not, or before PostgreSQL 16. */
  readonly invalidation: string | null;
  /** Prepared transactions are sent when they are prepared; false before PostgreSQL 14. */
  readonly twoPhase: boolean;
  /**
   * True where two_phase was turned on by ALTER_REPLICATION_SLOT (PostgreSQL 18 and newer): the server does not know since
   * when, and does not send what was prepared before.
   */
  readonly isTwoPhaseUnsettled: boolean;
  /** The server keeps, and tells standbys, since when two_phase holds; false before PostgreSQL 18. */
  readonly knowsTwoPhaseAt: boolean;
  /** Standbys copy it; false before PostgreSQL 17. */
  readonly isFailover: boolean;
  /** The server is a standby, and the slot a copy of its primary's: nothing can be read from it yet. */
  readonly isSynced: boolean;
}

// Columns that came with later versions are read through to_json, so that one statement serves all.
const SLOT_SQL = `
  SELECT s.slot_name::text AS name, s.plugin::text AS plugin, s.database::text AS database,
         s.slot_type AS kind, s.temporary::text AS temporary, s.active_pid::text AS active_pid,
         s.confirmed_flush_lsn::text AS confirmed,
         pg_catalog.to_json(s) ->> 'wal_status' AS wal_status,
         pg_catalog.to_json(s) ->> 'two_phase' AS two_phase,
         (pg_catalog.to_json(s) -> 'two_phase_at')::text AS two_phase_at,
         pg_catalog.to_json(s) ->> 'failover' AS failover,
         CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.to_json(s) ->> 'synced' END AS synced,
         coalesce(pg_catalog.to_json(s) ->> 'invalidation_reason',
                  CASE WHEN pg_catalog.to_json(s) ->> 'conflicting' = 'true' THEN 'conflict' END) AS invalidation
    FROM pg_catalog.pg_replication_slots s
   WHERE s.slot_name = $1`;

/** Reads the slot; null when there is none of this name. */
export async function readSlot(query: TextQuery, name: string): Promise<SlotState | null> {
  const row = (await query(SLOT_SQL, [name]))[0];
  if (row === undefined) return null;
  return {
    name,
    plugin: row['plugin'] ?? null,
    database: row['database'] ?? null,
    isLogical: row['kind'] === 'logical',
    isTemporary: row['temporary'] === 'true',
    activePid: row['active_pid'] == null ? null : Number(row['active_pid']),
    confirmedFlush: row['confirmed'] == null ? null : parseLsn(row['confirmed']),
    walStatus: row['wal_status'] ?? null,
    invalidation: row['invalidation'] ?? null,
    twoPhase: row['two_phase'] === 'true',
    isTwoPhaseUnsettled: row['two_phase'] === 'true' && row['two_phase_at'] === 'null',
    knowsTwoPhaseAt: row['two_phase_at'] != null,
    isFailover: row['failover'] === 'true',
    isSynced: row['synced'] === 'true',
  };
}

/** What a slot has to fit. */
export interface SlotExpectation {
  readonly slot: string;
  readonly database: string;
  /** The position of the stored checkpoint, or null when there is none. */
  readonly after: Lsn | null;
  /** The option. The stream's start turns it on; from then on the server goes by the slot. */
  readonly twoPhase: boolean;

  /** @default 'pgoutput' */
  readonly decoder?: string | undefined;
}

/**
 * Decides whether the slot can give everything after the checkpoint, and where to begin. Throws otherwise.
 *
 * The server would accept any position: an older one is silently moved forward to the slot's, so that what lies
 * between would be missing; the manual asks clients to check.
 * https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-START-REPLICATION-SLOT-LOGICAL
 */
export function judgeSlot(state: SlotState | null, expected: SlotExpectation): Lsn {
  const { after, decoder = 'pgoutput', slot } = expected;
  if (state === null) {
    if (after !== null) {
      throw new GapError(
        'GAP_SLOT_MISSING',
        `The slot "${slot}" does not exist any more, but a checkpoint at ${formatLsn(after)} does.`,
        { remedy: 'Changes since then may be lost: copy the tables again from a new slot.' },
      );
    }
    throw new SourceSetupError(`The replication slot "${slot}" does not exist.`, {
      remedy: `Run source.setup(), or: SELECT pg_create_logical_replication_slot('${slot}', '${decoder}');`,
    });
  }
  if (state.isSynced) {
    // Worth another attempt: it may be about to be promoted.
    throw new SourceConnectionError(
      'SOURCE_UNREACHABLE',
      `The server is a standby, and its slot "${slot}" a copy of its primary's, which can be read only after a promotion.`,
      { remedy: 'Connect to the primary.' },
    );
  }
  if (!state.isLogical || state.plugin !== decoder || state.isTemporary) {
    const kind = `${state.isTemporary ? 'temporary ' : ''}${state.isLogical ? 'logical' : 'physical'}`;
    throw new SourceSetupError(
      `The slot "${slot}" is a ${kind} slot${state.plugin === null ? '' : ` with the plugin ${state.plugin}`}; a permanent logical slot with ${decoder} is needed.`,
      { remedy: 'Set the option slot to another name, and run source.setup().' },
    );
  }
  if (state.database !== expected.database) {
    throw new SourceSetupError(
      `The slot "${slot}" belongs to the database "${state.database ?? '?'}", not to "${expected.database}".`,
      { remedy: 'Set the option slot to another name, and run source.setup().' },
    );
  }
  if (state.walStatus === 'lost' || state.invalidation !== null) {
    throw new GapError(
      'GAP_SLOT_LOST',
      `The server has invalidated the slot "${slot}" (${state.invalidation ?? 'the log it needs was removed'}).`,
      {
        remedy: `Changes since the checkpoint are lost. Run: SELECT pg_drop_replication_slot('${slot}'); then source.setup(), and copy the tables again.`,
      },
    );
  }
  judgeTwoPhase(state, expected);
  const confirmed = state.confirmedFlush;
  if (confirmed === null && after !== null) {
    throw new GapError(
      'GAP_SLOT_AHEAD',
      `The slot "${slot}" is being made again, and will begin behind the checkpoint at ${formatLsn(after)}.`,
      { remedy: 'What lies between was not delivered: copy the tables again.' },
    );
  }
  if (confirmed === null) {
    throw new SourceSetupError(`The slot "${slot}" is still being made.`, {
      remedy: 'Wait until pg_create_logical_replication_slot has returned.',
    });
  }
  if (after === null) return confirmed;
  if (confirmed > after) {
    throw new GapError(
      'GAP_SLOT_AHEAD',
      `The slot "${slot}" stands at ${formatLsn(confirmed)}, beyond the checkpoint at ${formatLsn(after)}: it was made again, or another client has acknowledged changes on it.`,
      { remedy: 'What lies between was not delivered: copy the tables again.' },
    );
  }
  return after;
}

/** START_REPLICATION with the option turns it on, from its position on. What it cannot do is take it back. */
function judgeTwoPhase(state: SlotState, { slot, twoPhase }: SlotExpectation): void {
  if (state.isTwoPhaseUnsettled) {
    throw new SourceSetupError(
      `The slot "${slot}" was given two_phase by ALTER_REPLICATION_SLOT: of transactions that were prepared before, the server would not send the changes.`,
      {
        remedy: `Run source.setup(), or on a replication connection: ALTER_REPLICATION_SLOT "${slot}" ( TWO_PHASE false ); the start of the pipeline turns it on.`,
      },
    );
  }
  if (state.twoPhase && !twoPhase) throw twoPhaseError(slot);
  if (twoPhase && !state.twoPhase && state.isFailover && !state.knowsTwoPhaseAt) {
    throw new SourceSetupError(
      `The slot "${slot}" is a failover slot, and PostgreSQL 17 does not tell standbys since when it has two_phase: after a failover, prepared transactions could be missing.`,
      { remedy: 'Leave failover or twoPhase out; or upgrade to PostgreSQL 18.' },
    );
  }
}
