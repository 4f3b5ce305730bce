import type { ColumnInfo, JsonValue } from '@certyo-cdc/core';
import type { RelationMessage } from '../protocol/pgoutput.ts';

/** A column as the stream last described it. */
export interface KnownColumn extends ColumnInfo {
  readonly typeModifier: number;
  readonly isGenerated: boolean;
}

/** A table as the stream last described it. Kept with the checkpoint, so that a change of columns is noticed. */
export interface KnownRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly KnownColumn[];
  /** The record key in its order, which the stream does not tell and a dropped table's catalog no longer does. */
  readonly key: readonly string[];
  /** Statements that altered the table and that no row has come behind (option `ddl`). */
  readonly statements?: readonly string[] | undefined;
}

/** True when both describe the same columns: names, types and type modifiers, in order. */
export function hasSameColumns(known: KnownRelation, message: RelationMessage): boolean {
  return (
    known.columns.length === message.columns.length &&
    known.columns.every((column, i) => {
      const other = message.columns[i];
      return (
        other !== undefined &&
        column.name === other.name &&
        column.typeOid === other.typeOid &&
        column.typeModifier === other.typeModifier
      );
    })
  );
}

/** All tables that the stream has described, by oid; never changed in place, so a snapshot is a reference. */
export type KnownRelations = ReadonlyMap<number, KnownRelation>;

export function knownRelationsToJson(relations: KnownRelations): JsonValue {
  return [...relations.values()].map((relation) => ({
    oid: relation.oid,
    schema: relation.schema,
    name: relation.name,
    columns: relation.columns.map((column) => ({ ...column })),
    key: relation.key,
    ...(relation.statements === undefined ? {} : { statements: relation.statements }),
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
      !Array.isArray(relation.columns) ||
      !Array.isArray(relation.key) ||
      !(relation.statements === undefined || Array.isArray(relation.statements))
    ) {
      return null;
    }
    relations.set(relation.oid, relation as KnownRelation);
  }
  return relations;
}
