import { SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  OWN_COLUMNS,
  type PublicationTable,
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  resolveTables,
  type SqlExecutor,
  type TableDescription,
} from '@certyo-cdc/postgres';
import type { RelationMessage } from '../protocol/pgoutput.ts';
import type { KnownRelation } from '../stream/known-relation.ts';
import type { Relation, RelationResolver } from '../stream/relation-resolver.ts';
import { LEAVES_SQL } from './copy-sql.ts';

/** A table that holds rows itself: the captured table, or one of its partitions. */
export interface CopiedLeaf {
  readonly oid: number;
  readonly name: QualifiedName;
  /** Names file and columns: while it stays the same, rows that are not changed stay where they are. */
  readonly shape: string;
  readonly blocks: number;
}

/** A table whose rows are copied, as the stream would show them. */
export interface CopiedTable {
  readonly name: QualifiedName;
  readonly label: string;
  readonly oid: number;
  readonly isPartitioned: boolean;
  readonly versionNumber: number;
  readonly relation: Relation;
  /** The columns that are published, in the order of the rows' spans. */
  readonly columns: readonly string[];
  /** The publication's row filter as SQL, or null. */
  readonly filter: string | null;
  /** The record key with its types, in its order. */
  readonly key: readonly {
    readonly name: string;
    readonly typeName: string;
    readonly isNullable: boolean;
  }[];
  readonly leaves: readonly CopiedLeaf[];
  /** How many rows the planner believes that it has; null where it has no idea. */
  readonly estimate: number | null;
  /** A row may move without an event that tells of it, so that places in the table are no way to go on. */
  readonly movesUnseen: boolean;
}

export interface CopiedTableOptions {
  readonly executor: SqlExecutor;
  readonly resolver: RelationResolver;
  readonly versionNumber: number;
  readonly origin: 'any' | 'none';
  /** The table as the stream last described it: its key has the same order there. */
  readonly known: KnownRelation | null;
  readonly signal: AbortSignal;
}

/**
 * Looks up how rows of a published table are read so that they look as the stream shows them.
 *
 * @throws SourceSetupError when the role may not read it, or row security would hide rows.
 */
export async function describeCopiedTable(
  published: PublicationTable,
  options: CopiedTableOptions,
): Promise<CopiedTable> {
  const { executor, resolver, signal, versionNumber } = options;
  const name = { schema: published.schema, name: published.name };
  // First of all: what is altered from here on shows as another shape when rows are read.
  const leaves = await executor.query(LEAVES_SQL, [String(published.oid)], { signal });
  const [table] = await resolveTables(executor, [name], { signal });
  if (table === undefined) throw new SourceSetupError(`${tableLabel(name)} does not exist.`);
  const columns = table.columns.filter((column) =>
    published.columns === null || (column.generated !== null && versionNumber < 180_000)
      ? column.generated === null
      : published.columns.includes(column.name),
  );
  const relation = await resolver.resolve(asRelationMessage(table, columns), options.known);
  assertReadable(table, leaves.rows);
  const tuples = leaves.rows.map((row) => Number(row['tuples']));
  return {
    name,
    label: tableLabel(name),
    oid: table.oid,
    isPartitioned: table.isPartitioned,
    versionNumber,
    relation,
    columns: columns.map((column) => column.name),
    filter: published.rowFilter,
    key: relation.known.key.map((key) => {
      const column = relation.known.columns.find((one) => one.name === key);
      return {
        name: key,
        typeName: column?.typeName ?? 'text',
        isNullable: column?.nullable !== false,
      };
    }),
    leaves: leaves.rows.map((row) => ({
      oid: Number(row['oid']),
      name: { schema: row['schema'] ?? '', name: row['name'] ?? '' },
      shape: row['shape'] ?? '',
      blocks: Number(row['blocks']),
    })),
    estimate: tuples.some((n) => n < 0) ? null : tuples.reduce((sum, n) => sum + n, 0),
    movesUnseen:
      options.origin === 'none' ||
      (table.replicaIdentity === 'full' && columns.some(({ name: n }) => OWN_COLUMNS.has(n))),
  };
}

/** What pgoutput would say of the table. */
function asRelationMessage(
  table: TableDescription,
  columns: TableDescription['columns'],
): RelationMessage {
  const identity = { default: 'd', nothing: 'n', full: 'f', index: 'i' } as const;
  return {
    oid: table.oid,
    schema: table.schema,
    name: table.name,
    replicaIdentity: identity[table.replicaIdentity],
    columns: columns.map((column) => ({
      name: column.name,
      typeOid: column.typeOid,
      typeModifier: column.typeModifier,
      inIdentity: table.replicaIdentityColumns.includes(column.name),
    })),
  };
}

type LeafRow = Readonly<Record<string, string | null>>;

/** Partitions are read one by one, which takes the right to read each. */
function assertReadable(table: TableDescription, leaves: readonly LeafRow[]): void {
  const unreadable = leaves.filter((leaf) => leaf['readable'] !== 'true');
  const role = leaves[0]?.['role'] ?? '';
  const hidden = leaves.filter((leaf) => leaf['secured'] === 'true');
  const names = (rows: readonly LeafRow[]): string =>
    rows
      .map((row) => qualifiedName({ schema: row['schema'] ?? '', name: row['name'] ?? '' }))
      .join(', ');
  if (unreadable.length > 0 || !table.maySelect) {
    const tables = [
      ...(table.maySelect || !table.isPartitioned ? [] : [qualifiedName(table)]),
      ...(unreadable.length > 0 ? [names(unreadable)] : []),
    ];
    throw new SourceSetupError(
      `The rows of ${tableLabel(table)} cannot be copied: the role "${role}" may not read them.`,
      { remedy: `Run: GRANT SELECT ON ${tables.join(', ')} TO ${quoteIdentifier(role)};` },
    );
  }
  if (hidden.length > 0) {
    throw new SourceSetupError(
      `Row security of ${tableLabel(table)} would hide rows from the copy.`,
      {
        remedy: `Run, as a superuser: ALTER ROLE ${quoteIdentifier(role)} BYPASSRLS;`,
      },
    );
  }
}
