import type { JsonValue } from '../event/json.ts';

/** A point in a source's stream at a transaction end. Opaque outside the source that made it. */
export type Position = string & { readonly __position: unique symbol };

/**
 * What a position is bound to. A source refuses a checkpoint whose identity differs from its own in any member.
 *
 * Replication: system identifier, timeline, database, slot, publications, tables.
 */
export type SourceIdentity = Readonly<Record<string, JsonValue>>;

/** A position bound to the identity of its source. */
export interface Checkpoint {
  readonly kind: string;
  readonly identity: SourceIdentity;
  readonly position: Position;
  /** Leads every `version` of the source's events; grows with every change of source, restore and timeline. */
  readonly epoch: number;
  /** What the source needs to go on from here, for example type descriptors. */
  readonly state: JsonValue;
}

/** A checkpoint as a store holds it. */
export interface StoredCheckpoint {
  readonly checkpoint: Checkpoint;
  /** Names this write; chosen by the writer. */
  readonly revision: string;
  /** When it was saved, milliseconds since 1970 by the store's clock. */
  readonly savedAtMs: number;
}

/**
 * Where a pipeline keeps its checkpoint.
 *
 * One writer at a time: a save names the revision it replaces. A save whose own revision is already stored is a
 * repeat after a lost answer and succeeds; any other mismatch rejects with `CheckpointFencedError`, because another
 * process has taken over.
 */
export interface CheckpointStore {
  load(name: string, options: { readonly signal: AbortSignal }): Promise<StoredCheckpoint | null>;
  save(
    name: string,
    checkpoint: Checkpoint,
    options: {
      /** The revision that this write replaces; null when nothing may be stored yet. */
      readonly replaces: string | null;
      readonly revision: string;
      readonly signal: AbortSignal;
    },
  ): Promise<void>;
  /** Releases connections. Idempotent. */
  close(): Promise<void>;
}
