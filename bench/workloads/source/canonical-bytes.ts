import type { ChangeEvent } from '@certyo-cdc/core';
import { isRowChange } from '@certyo-cdc/core';

/** Room for the bytes of a row; those of the next one are written over them. */
let room: Buffer = Buffer.allocUnsafeSlow(1 << 20);

/**
 * Has the canonical bytes of a row written, and drops them: what a sink that only wants them would do.
 *
 * @returns How many there were; 0 for what is no row.
 */
export function dropCanonicalBytes(event: ChangeEvent): number {
  if (!isRowChange(event)) return 0;
  const text = event.canonicalRow();
  if (text.length * 3 > room.length) room = Buffer.allocUnsafeSlow(text.length * 4);
  return room.write(text);
}
