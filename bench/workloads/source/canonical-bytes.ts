import { ByteWriter, type ChangeEvent, isRowChange, writeRow } from '@certyo-cdc/core';

/** Room for the bytes of a row; those of the next one are written over them. */
const out = new ByteWriter();

/**
 * Has the canonical bytes of a row written, and drops them: what a sink that only wants them would do.
 *
 * @returns How many there were; 0 for what is no row.
 */
export function dropCanonicalBytes(event: ChangeEvent): number {
  if (!isRowChange(event)) return 0;
  out.clear();
  writeRow(event, out);
  return out.length;
}
