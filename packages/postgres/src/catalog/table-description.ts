/** What an UPDATE or DELETE puts into the log of the old row. */
export type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index';

/** A column as the catalog has it now. */
export interface ColumnDescription {
  /** `attnum`. */
  readonly number: number;
  readonly name: string;
  readonly typeOid: number;
  /** `atttypmod`: length or precision, -1 where there is none. */
  readonly typeModifier: number;
  /** As in `format_type()`: `numeric(10,2)`. */
  readonly typeName: string;
  readonly isNotNull: boolean;
  readonly generated: 'stored' | 'virtual' | null;
  readonly identity: 'always' | 'by-default' | null;
  /** True when a large value is stored outside the row, and an unchanged one is then missing in an update. */
  readonly mayBeToasted: boolean;
}

/** A table as the catalog has it now. */
export interface TableDescription {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly isPartitioned: boolean;
  readonly isPartition: boolean;
  /** The partitioned table above it, or null. */
  readonly parentOid: number | null;
  readonly hasRowSecurity: boolean;
  /** Whether the session's user may read all columns. */
  readonly maySelect: boolean;
  /** In the order of the table, with generated ones. */
  readonly columns: readonly ColumnDescription[];
  /** In the order of the key; empty when there is none. */
  readonly primaryKey: readonly string[];
  readonly replicaIdentity: ReplicaIdentity;
  /** The index of REPLICA IDENTITY USING INDEX, or null. */
  readonly replicaIndex: string | null;
  /** The columns that an UPDATE or DELETE shows of the old row; empty when they are refused by the server. */
  readonly replicaIdentityColumns: readonly string[];
}
