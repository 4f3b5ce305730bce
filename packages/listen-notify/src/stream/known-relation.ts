import type { ColumnInfo, JsonValue } from '@certyo-cdc/core';

/** A column as it was when a change was made. */
export interface KnownColumn extends ColumnInfo {
  readonly typeModifier: number;
  readonly isGenerated: boolean;
}

/** A captured table as the log last described it. Kept with the checkpoint, so that a change of columns is noticed. */
export interface KnownRelation {
  /** Of the table that is captured: for a partition, of the partitioned table above it. */
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** Oid of the table whose order the columns have: of a partition, where they were learnt from one. */
  readonly layout: number;
  readonly columns: readonly KnownColumn[];
  /** The record key in its order, as it was when the table was first seen. */
  readonly key: readonly string[];
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
  return known.columns.every((column, i) => {
    const other = known.layout === relation.layout ? columns[i] : byName.get(column.name);
    return (
      other !== undefined &&
      column.name === other.name &&
      column.typeOid === other.typeOid &&
      column.typeModifier === other.typeModifier
    );
  });
}

/** What events show of columns. */
export function columnInfos(columns: readonly KnownColumn[]): readonly ColumnInfo[] {
  return columns.map(({ name, typeOid, typeName, isKey, nullable }) => ({
    name,
    typeOid,
    typeName,
    isKey,
    nullable,
  }));
}

export function knownRelationsToJson(relations: KnownRelations): JsonValue {
  return [...relations.values()].map((relation) => ({
    oid: relation.oid,
    schema: relation.schema,
    name: relation.name,
    layout: relation.layout,
    columns: relation.columns.map((column) => ({ ...column })),
    key: relation.key,
  }));
}

/** Reads what `knownRelationsToJson` wrote; null when it is something else. */
export function knownRelationsFromJson(value: JsonValue | undefined): KnownRelations | null {
  if (!Array.isArray(value)) return null;
  const relations = new Map<number, KnownRelation>();
  for (const entry of value as readonly JsonValue[]) {
    const relation = entry as unknown as Partial<KnownRelation> | null;
    if (
      relation === null ||
      typeof relation !== 'object' ||
      typeof relation.oid !== 'number' ||
      typeof relation.schema !== 'string' ||
      typeof relation.name !== 'string' ||
      typeof relation.layout !== 'number' ||
      !Array.isArray(relation.columns) ||
      !Array.isArray(relation.key)
    ) {
      return null;
    }
    relations.set(relation.oid, relation as KnownRelation);
  }
  return relations;
}
