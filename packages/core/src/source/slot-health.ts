/** How a server keeps what a source has still to read: a replication slot as it was last seen. */
export interface SlotHealth {
  readonly slot: string;
  /** When it was looked at, milliseconds since 1970. */
  readonly readAtMs: number;
  readonly isActive: boolean;
  /** `reserved`, `extended`, `unreserved` or `lost`; null where the server does not say. */
  readonly walStatus: string | null;
  /** Why the server has given the slot up, else null. */
  readonly invalidation: string | null;
  /** Bytes of log that the server keeps for the slot. */
  readonly retainedBytes: number;
  /** Bytes that may yet be written before the slot is in danger (`safe_wal_size`); null where nothing limits it. */
  readonly safeBytes: number | null;
  /** `max_slot_wal_keep_size`; null where nothing limits it. */
  readonly maxRetainedBytes: number | null;
  /** Bytes of log that the server writes in a second, over the last minutes; null until there are two looks. */
  readonly walBytesPerSecond: number | null;
  /**
   * Milliseconds until `max_slot_wal_keep_size` is used up if what is kept goes on growing as it did over the last minutes;
   * null when it does not grow or nothing limits it.
   */
  readonly exhaustedInMs: number | null;
  /** Milliseconds since the oldest change that is not acknowledged was committed, or null when there is none. */
  readonly unacknowledgedMs: number | null;
}
