import type { JsonValue } from '@certyo-cdc/core';
import type { NamedTable } from '@certyo-cdc/core/internal';
import {
  isSameColumn,
  type KnownRelation as Described,
  knownRelationsFromJson as readKnownRelations,
} from '@certyo-cdc/postgres';
import type { RelationMessage } from '../protocol/pgoutput.ts';

/** A table as the stream last described it. */
export interface KnownRelation extends Described {
  /** Statements that altered the table and that no row has come behind (option `ddl`). */
  readonly statements?: readonly string[] | undefined;
}

/** All tables that the stream has described, by oid; never changed in place, so a snapshot is a reference. */
export type KnownRelations = ReadonlyMap<number, KnownRelation>;

/** True when both describe the same columns: names, types and type modifiers, in order. */
export function hasSameColumns(known: KnownRelation, message: RelationMessage): boolean {
  return (
    known.columns.length === message.columns.length &&
    known.columns.every((column, i) => isSameColumn(column, message.columns[i]))
  );
}

/** True when both say the same, and no statement waits to be told with the first. */
export function isSameRelation(known: KnownRelation, other: KnownRelation): boolean {
  return (
    known.oid === other.oid &&
    isNamedAs(known, other) &&
    known.statements === undefined &&
    known.key.length === other.key.length &&
    known.key.every((name, i) => name === other.key[i]) &&
    known.columns.length === other.columns.length &&
    known.columns.every((column, i) => {
      const its = other.columns[i];
      return (
        isSameColumn(column, its) &&
        column.typeName === its?.typeName &&
        column.isKey === its.isKey &&
        column.nullable === its.nullable &&
        column.isGenerated === its.isGenerated
      );
    })
  );
}

export function isNamedAs(known: KnownRelation, { name, schema }: NamedTable): boolean {
  return known.name === name && known.schema === schema;
}

/** Reads what a checkpoint holds of them; null when it is something else. */
export function knownRelationsFromJson(value: JsonValue | undefined): KnownRelations | null {
  return readKnownRelations<KnownRelation>(
    value,
    ({ statements }) => statements === undefined || Array.isArray(statements),
  );
}
