import type { ColumnInfo, JsonValue } from '@certyo-cdc/core';
import { unchangingJson } from '@certyo-cdc/core/internal';

/** A column as it was when a change was made. */
export interface KnownColumn extends ColumnInfo {
  readonly typeModifier: number;
  readonly isGenerated: boolean;
}

/** A table as a source last saw it described. Kept with the checkpoint, so that a change of columns is noticed. */
export interface KnownRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly KnownColumn[];
  /** The record key in its order, as it was then: a dropped table's catalog no longer tells it. */
  readonly key: readonly string[];
}

/** What makes a column another one. */
export type ColumnShape = Pick<KnownColumn, 'name' | 'typeOid' | 'typeModifier'>;

/** True when name, type and type modifier are the same. */
export function isSameColumn(column: ColumnShape, other: ColumnShape | undefined): boolean {
  return (
    other !== undefined &&
    column.name === other.name &&
    column.typeOid === other.typeOid &&
    column.typeModifier === other.typeModifier
  );
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

/** There may be thousands of them, and a checkpoint is made every second. */
const written = new WeakMap<ReadonlyMap<number, KnownRelation>, JsonValue>();

/** The relations by oid, for a checkpoint. Of the same map, which is never changed in place, the same is given each time. */
export function knownRelationsToJson(relations: ReadonlyMap<number, KnownRelation>): JsonValue {
  const known = written.get(relations);
  if (known !== undefined) return known;
  const json = unchangingJson(
    [...relations.values()].map((relation) => ({
      ...relation,
      columns: relation.columns.map((column) => ({ ...column })),
    })),
  );
  written.set(relations, json);
  return json;
}

/**
 * Reads what `knownRelationsToJson` wrote; null when it is something else.
 *
 * @param isOwn Whether what the source adds to a relation is there.
 */
export function knownRelationsFromJson<Relation extends KnownRelation = KnownRelation>(
  value: JsonValue | undefined,
  isOwn: (relation: Partial<Relation>) => boolean = () => true,
): ReadonlyMap<number, Relation> | null {
  if (!Array.isArray(value)) return null;
  const relations = new Map<number, Relation>();
  for (const entry of value as readonly JsonValue[]) {
    const relation = entry as unknown as Partial<Relation> | null;
    if (
      relation === null ||
      typeof relation !== 'object' ||
      typeof relation.oid !== 'number' ||
      typeof relation.schema !== 'string' ||
      typeof relation.name !== 'string' ||
      !Array.isArray(relation.columns) ||
      !Array.isArray(relation.key) ||
      !isOwn(relation)
    ) {
      return null;
    }
    relations.set(relation.oid, relation as Relation);
  }
  return relations;
}
