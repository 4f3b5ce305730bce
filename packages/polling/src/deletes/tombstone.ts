/** Where the reading of a table's tombstones stands: everything up to it was handed over. */
export interface TombstoneCursor {
  readonly xid: bigint;
  readonly sequence: bigint;
}

/** A column as it was when a row was deleted. */
export interface TombstoneColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** As `format_type` prints it. */
  readonly typeName: string;
  readonly nullable: boolean;
  readonly generated: boolean;
}

/** A key that exists no more: deleted, or changed to another one. */
export interface DeletedKey {
  readonly kind: 'deleted';
  /** `key-changed`: an UPDATE gave the row another key (P-18). `reconciled`: found by comparison, the old row is not known. */
  readonly reason: 'deleted' | 'key-changed' | 'reconciled';
  readonly xid: bigint;
  /** Identity of this tombstone: never given twice, the same whenever it is read. */
  readonly sequence: bigint;
  /** Texts of the key columns in key order, as PostgreSQL prints the values under the pinned settings. */
  readonly key: readonly string[];
  /** Texts of the old row, in the order of `columns`; null when not known. */
  readonly row: readonly (string | null)[] | null;
  /** The table's (partition's) columns at that moment; null when `row` is. Generated ones are among them. */
  readonly columns: readonly TombstoneColumn[] | null;
  /** `clock_timestamp()` of the delete, ISO 8601 in UTC with microseconds; for a reconciled one, of the comparison. */
  readonly deletedAt: string;
}

/** A table, or one partition of it, that was emptied by TRUNCATE. */
export interface Truncated {
  readonly kind: 'truncated';
  readonly xid: bigint;
  readonly sequence: bigint;
  /** What was truncated: the table itself, or a partition of it alone. */
  readonly relation: { readonly oid: number; readonly schema: string; readonly name: string };
  /** False for a partition that was truncated by itself. */
  readonly isWholeTable: boolean;
  readonly deletedAt: string;
}

/** What a table lost. */
export type Tombstone = DeletedKey | Truncated;

/** One page of tombstones, in the order of (xid, sequence). */
export interface TombstonePage {
  readonly tombstones: readonly Tombstone[];
  /** Keys whose tombstones were left out, because a row has them again, or a later tombstone. */
  readonly leftOut: readonly (readonly string[])[];
  /**
   * No transaction below it is left that could still add a tombstone or a row: the bound of the window. The one that was
   * given, or the horizon of this page's snapshot.
   */
  readonly below: bigint;
  /** The life of the server that it was read in (P-17). */
  readonly life: string;
  /** Where the next page begins; null when there is nothing more below the bound. */
  readonly next: TombstoneCursor | null;
  /** Bytes of the old rows that were read. */
  readonly bytes: number;
}
