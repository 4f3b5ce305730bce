import type { JsonValue } from '@certyo-cdc/core';
import {
  isSameColumn,
  type KnownRelation as Described,
  knownRelationsFromJson as readKnownRelations,
} from '@certyo-cdc/postgres';

/** A captured table as the log last described it; its oid is that of the partitioned table above a partition. */
export interface KnownRelation extends Described {
  /** Oid of the table whose order the columns have: of a partition, where they were learnt from one. */
  readonly layout: number;
}

/** By oid; never changed in place, so a snapshot is a reference. */
export type KnownRelations = ReadonlyMap<number, KnownRelation>;

/**
 * True when both have the same columns: names, types and type modifiers. Partitions may have them in any order, so order
 * counts only between two descriptions of one table.
 */
export function hasSameColumns(known: KnownRelation, relation: KnownRelation): boolean {
  const { columns } = relation;
  if (known.columns.length !== columns.length) return false;
  const byName = new Map(columns.map((column) => [column.name, column]));
  return known.columns.every((column, i) =>
    isSameColumn(column, known.layout === relation.layout ? columns[i] : byName.get(column.name)),
  );
}

/** Reads what a checkpoint holds of them; null when it is something else. */
export function knownRelationsFromJson(value: JsonValue | undefined): KnownRelations | null {
  return readKnownRelations<KnownRelation>(value, ({ layout }) => typeof layout === 'number');
}
