import { ConfigurationError } from '@certyo-cdc/core';
import { qualifiedName, type QualifiedName } from '@certyo-cdc/postgres';

/** How a table's changes are found. */
export type CursorSpec =
  | { readonly kind: 'xid'; readonly column: string }
  | { readonly kind: 'timestamp'; readonly column: string }
  | { readonly kind: 'id'; readonly column: string };

/** How hard deletes of a table are found. */
export type HardDeletes = 'tombstone' | 'reconcile' | 'not-captured';

/** What a table is set up for. */
export interface PolledTableSpec {
  readonly table: QualifiedName;
  /** Columns of the record key; null takes the primary key. */
  readonly key: readonly string[] | null;
  readonly cursor: CursorSpec;
  /** A timestamptz column that setup adds and keeps by the stamp trigger, or null. */
  readonly lastUpdate: string | null;
  readonly hardDeletes: HardDeletes;
}

/** What a polling source is set up for. */
export interface PollingSpec {
  /** Schema of the captured database for functions, tombstones and keys. */
  readonly schema: string;
  /** Prefix of the objects that belong to one source; at most 40 bytes. */
  readonly name: string;
  readonly tables: readonly PolledTableSpec[];
  /** Makes indexes CONCURRENTLY: slower, but writers go on. @default true */
  readonly concurrently?: boolean | undefined;
}

/** What of a spec the deletes of one table need. */
export interface DeletesTarget {
  readonly schema: string;
  readonly name: string;
}

/** The tables of one polling source in its state schema. */
export interface PollingObjects {
  readonly tombstones: QualifiedName;
  /** The columns that a table had when a row of it was deleted. */
  readonly tombstoneColumns: QualifiedName;
  /** The keys that were handed over, of tables whose hard deletes are found by comparison. */
  readonly keys: QualifiedName;
}

/**
 * Where setup notes which triggers it has replaced. One for all sources of a schema, because they share the stamp triggers of
 * a table.
 */
export function replacementsTable({ schema }: Pick<DeletesTarget, 'schema'>): QualifiedName {
  return { schema, name: 'polling_replacements' };
}

/** Whether a table needs triggers. */
export function needsTriggers({ cursor, hardDeletes, lastUpdate }: PolledTableSpec): boolean {
  return cursor.kind === 'xid' || lastUpdate !== null || hardDeletes === 'tombstone';
}

/** So that `<name>_tombstone_columns` fits into PostgreSQL's 63 bytes. */
const MAX_NAME_BYTES = 40;

/**
 * Names the objects of a polling source.
 *
 * @throws ConfigurationError for a name that is empty or longer than 40 bytes.
 */
export function pollingObjects(target: DeletesTarget): PollingObjects {
  const { schema, name } = target;
  if (name === '' || Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw new ConfigurationError(
      'name',
      `Expected \`name\` to be a name of 1 to ${MAX_NAME_BYTES} bytes: tables are named after it.`,
    );
  }
  const objects = {
    tombstones: { schema, name: `${name}_tombstones` },
    tombstoneColumns: { schema, name: `${name}_tombstone_columns` },
    keys: { schema, name: `${name}_keys` },
  };
  for (const object of Object.values(objects)) qualifiedName(object);
  return objects;
}
