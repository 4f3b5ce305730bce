import { CdcError } from '@certyo-cdc/core';
import { UNAVAILABLE } from '@certyo-cdc/postgres';

import type { RenderedRow, RowRenderer, RowView } from './row-renderer.ts';

/** Shorter values stand in the row itself, and are always sent. */
const SHORTEST = 100;
const MOST_COLUMNS = 4;

/**
 * The record of this row without some of its large values that has the fingerprint, or null: a change that leaves them alone does
 * not show them, where the replica identity is not FULL. What they were is then not said by the newest record.
 */
export function matchParts(
  renderer: RowRenderer,
  view: RowView,
  texts: readonly (string | null)[],
  fingerprint: string,
): RenderedRow | null {
  const large = view.places
    .filter((place) => renderer.shape.columns[place]?.mayBeToasted === true)
    .filter((place) => (texts[place]?.length ?? 0) >= SHORTEST)
    .sort((one, other) => (texts[other]?.length ?? 0) - (texts[one]?.length ?? 0))
    .slice(0, MOST_COLUMNS);
  for (let subset = 1; subset < 1 << large.length; subset += 1) {
    const hidden = new Set(large.filter((_place, bit) => (subset & (1 << bit)) !== 0));
    const seen = texts.map((text, place) => (hidden.has(place) ? UNAVAILABLE : text));
    try {
      const row = renderer.render(seen, view);
      if (row?.fingerprint === fingerprint) return row;
    } catch (error) {
      // A mapping that reads a value which is not shown.
      if (!CdcError.is(error)) throw error;
    }
  }
  return null;
}
