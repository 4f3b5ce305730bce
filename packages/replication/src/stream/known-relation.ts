import { isSameColumn, type KnownRelation } from '@certyo-cdc/postgres';
import type { RelationMessage } from '../protocol/pgoutput.ts';

/** All tables that the stream has described, by oid; never changed in place, so a snapshot is a reference. */
export type KnownRelations = ReadonlyMap<number, KnownRelation>;

/** True when both describe the same columns: names, types and type modifiers, in order. */
export function hasSameColumns(known: KnownRelation, message: RelationMessage): boolean {
  return (
    known.columns.length === message.columns.length &&
    known.columns.every((column, i) => isSameColumn(column, message.columns[i]))
  );
}
