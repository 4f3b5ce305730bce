import type { SlotHealth } from '@certyo-cdc/core';
import { type Lsn, parseLsn } from '../protocol/lsn.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { growthOf, type GrowthSample, withSample } from './wal-growth.ts';

/** What the catalog says of a slot at one moment. */
export interface SlotReading {
  readonly isActive: boolean;
  readonly walStatus: string | null;
  readonly invalidation: string | null;
  readonly retainedBytes: number;
  readonly safeBytes: number | null;
  readonly maxRetainedBytes: number | null;
  readonly walEnd: Lsn;
}

// safe_wal_size came with 13, invalidation_reason with 17: through to_json one statement serves all.
// https://www.postgresql.org/docs/current/view-pg-replication-slots.html
const READING_SQL = `
  SELECT s.active::text AS active,
         pg_catalog.to_json(s) ->> 'wal_status' AS wal_status,
         coalesce(pg_catalog.to_json(s) ->> 'invalidation_reason',
                  CASE WHEN pg_catalog.to_json(s) ->> 'conflicting' = 'true' THEN 'conflict' END) AS invalidation,
         greatest(pg_catalog.pg_wal_lsn_diff(e.lsn, coalesce(s.restart_lsn, e.lsn)), 0)::text AS retained,
         pg_catalog.to_json(s) ->> 'safe_wal_size' AS safe,
         (SELECT g.setting FROM pg_catalog.pg_settings g WHERE g.name = 'max_slot_wal_keep_size') AS max_megabytes,
         e.lsn::text AS wal_end
    FROM pg_catalog.pg_replication_slots s
   CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                           ELSE pg_catalog.pg_current_wal_lsn() END) AS e(lsn)
   WHERE s.slot_name = $1`;

/** Looks at a slot; null when there is none of this name. */
export async function readSlotHealth(query: TextQuery, slot: string): Promise<SlotReading | null> {
  const row = (await query(READING_SQL, [slot]))[0];
  if (row === undefined) return null;
  const megabytes = Number(row['max_megabytes'] ?? '-1');
  return {
    isActive: row['active'] === 'true',
    walStatus: row['wal_status'] ?? null,
    invalidation: row['invalidation'] ?? null,
    retainedBytes: Number(row['retained'] ?? '0'),
    safeBytes: row['safe'] == null ? null : Number(row['safe']),
    maxRetainedBytes: megabytes < 0 ? null : megabytes * 1024 * 1024,
    walEnd: parseLsn(row['wal_end'] ?? '') ?? 0n,
  };
}

/** Remembers the last looks at a slot, and draws from them how it goes on. */
export class SlotHistory {
  readonly #slot: string;
  #samples: readonly GrowthSample[] = [];

  constructor(slot: string) {
    this.#slot = slot;
  }

  /** The health of the slot after one more look. */
  after(
    reading: SlotReading,
    now: { readonly atMs: number; readonly unacknowledgedMs: number | null },
  ): SlotHealth {
    this.#samples = withSample(this.#samples, { ...reading, atMs: now.atMs });
    const growth = growthOf(this.#samples);
    const { safeBytes } = reading;
    const growing = growth === null ? 0 : growth.retainedBytesPerSecond;
    const { walEnd: _walEnd, ...known } = reading;
    return {
      slot: this.#slot,
      readAtMs: now.atMs,
      ...known,
      walBytesPerSecond: growth === null ? null : Math.round(growth.walBytesPerSecond),
      exhaustedInMs:
        safeBytes === null || growing <= 0
          ? null
          : Math.round((Math.max(safeBytes, 0) / growing) * 1_000),
      unacknowledgedMs: now.unacknowledgedMs,
    };
  }
}
