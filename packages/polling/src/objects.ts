import type { QualifiedName } from '@certyo-cdc/postgres';
import type { PollingSettings } from './settings.ts';

/** Names of what setup makes in `stateSchema` of the captured database for one source. */
export interface PollingObjects {
  /**
   * `<name>_tombstones`, one row per row that is gone (DELETE, TRUNCATE, or an UPDATE that changed the key: P-18):
   *
   *     sequence   int8, from a sequence with CACHE 1 drawn inside the INSERT: per key the true order of deletes, because the
   *                trigger runs under the row's lock
   *     xid        xid8 = pg_current_xact_id() of the top-level transaction
   *     relation   oid of the table as it is named in `tables` (the partitioned one, not the partition)
   *     operation  "char": D (gone), T (TRUNCATE; key and row are null)
   *     key        text[]: the key columns' texts under the pinned settings, in the order of the record key
   *     row        text: OLD::text under the pinned settings
   *     columns    digest of the columns at that moment, so that an old tombstone is decoded with its own columns
   *     deleted_at timestamptz: clock_timestamp()
   *
   * indexed by (relation, xid, sequence) and (relation, key, sequence).
   *
   * What is handed over of it is the latest state: a tombstone counts only when it is the last one of its key (by
   * `sequence`) and no row with that key is visible in the same snapshot. Order by xid alone would show a delete after the
   * row that replaced it, where the older transaction inserted after the younger one had deleted.
   */
  readonly tombstones: QualifiedName;
  /** `<name>_keys`: the keys that were handed over, for reconciliation. */
  readonly keys: QualifiedName;
  /** `<name>_stamp`: the BEFORE INSERT OR UPDATE function of the xid column. */
  readonly stampFunction: QualifiedName;
  /** `<name>_tombstone`: the AFTER DELETE and UPDATE OF key function. */
  readonly tombstoneFunction: QualifiedName;
  /** `<name>_last_update`: the BEFORE INSERT OR UPDATE function of the `lastUpdate` column. */
  readonly lastUpdateFunction: QualifiedName;
  /** The name of the lease in `<stateSchema>.leases`. */
  readonly lease: string;
}

/** The names of a source's objects. */
export function pollingObjects(
  settings: Pick<PollingSettings, 'name' | 'stateSchema'>,
): PollingObjects {
  const named = (suffix: string): QualifiedName => ({
    schema: settings.stateSchema,
    name: `${settings.name}_${suffix}`,
  });
  return {
    tombstones: named('tombstones'),
    keys: named('keys'),
    stampFunction: named('stamp'),
    tombstoneFunction: named('tombstone'),
    lastUpdateFunction: named('last_update'),
    lease: `polling/${settings.name}`,
  };
}
