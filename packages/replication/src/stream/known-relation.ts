import type { JsonValue } from '@certyo-cdc/core';
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

/** Reads what a checkpoint holds of them; null when it is something else. */
export function knownRelationsFromJson(value: JsonValue | undefined): KnownRelations | null {
  return readKnownRelations<KnownRelation>(
    value,
    ({ statements }) => statements === undefined || Array.isArray(statements),
  );
}
