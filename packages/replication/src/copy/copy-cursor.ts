import { createHash } from 'node:crypto';
import type { JsonValue } from '@certyo-cdc/core';

/** Blocks of a table, from the first to the one before the second; null for all that follow. */
export type BlockRange = readonly [from: number, to: number | null];

/** What is still to be copied of a table, by where its rows lie: those that have not moved since the first snapshot. */
export interface BlockCursor {
  readonly by: 'ctid';
  readonly leaves: readonly {
    readonly oid: number;
    readonly shape: string;
    readonly ranges: readonly BlockRange[];
  }[];
}

/** What is still to be copied of a table, by its key. */
export interface KeyCursor {
  readonly by: 'keyset';
  /** The key of the last row, as text; null at the beginning. */
  readonly after: readonly string[] | null;
  /** The table's oid, its key and the versions of that one's collations: the order in which `after` has a meaning. */
  readonly order: string | null;
  /** Leaves out rows that no transaction from this id on has written. @default none */
  readonly newerThan?: string;
}

/** Where the copy of a table goes on. */
export type CopyCursor = BlockCursor | KeyCursor;

export const FROM_THE_START: KeyCursor = Object.freeze({ by: 'keyset', after: null, order: null });

/** Takes a range out of ranges that are in order. */
export function withoutRange(
  ranges: readonly BlockRange[],
  [from, to]: BlockRange,
): readonly BlockRange[] {
  return ranges.flatMap((range): readonly BlockRange[] => {
    const [begin, end] = range;
    const isBefore = end !== null && end <= from;
    const isBehind = to !== null && begin >= to;
    if (isBefore || isBehind) return [range];
    return [
      ...(begin < from ? [[begin, from] as const] : []),
      ...(to !== null && (end === null || to < end) ? [[to, end] as const] : []),
    ];
  });
}

/** A cursor with a part of a leaf taken out; null when nothing is left. */
export function withoutBlocks(
  cursor: BlockCursor,
  oid: number,
  range: BlockRange,
): BlockCursor | null {
  const leaves = cursor.leaves
    .map((leaf) =>
      leaf.oid === oid ? { ...leaf, ranges: withoutRange(leaf.ranges, range) } : leaf,
    )
    .filter((leaf) => leaf.ranges.length > 0);
  return leaves.length === 0 ? null : { by: 'ctid', leaves };
}

/** Reads a cursor that was kept as JSON; null for anything else. */
export function cursorFromJson(value: JsonValue | undefined): CopyCursor | null {
  const cursor = value as { readonly by?: unknown; readonly leaves?: unknown } | null | undefined;
  if (cursor?.by === 'keyset') return cursor as KeyCursor;
  return cursor?.by === 'ctid' && Array.isArray(cursor.leaves) ? (cursor as BlockCursor) : null;
}

/** Names the place where a copy goes on, without saying what is in it. */
export function cursorName(cursor: CopyCursor | null): string {
  const [leaf] = cursor?.by === 'ctid' ? cursor.leaves : [];
  const place =
    cursor?.by === 'keyset'
      ? [cursor.after, cursor.order, cursor.newerThan]
      : [leaf?.oid, leaf?.ranges[0]?.[0]];
  return createHash('sha256').update(JSON.stringify(place)).digest('hex').slice(0, 16);
}
