import type { ByteWriter } from '../json/byte-writer.ts';
import type { RowChange } from './change-event.ts';

/** The method of events that can write their rows without making a string of them. */
export const WRITE_ROW: unique symbol = Symbol.for('@certyo-cdc/write-row/1');

/** An event that writes `canonicalRow` in UTF-8 where it is to go. */
export interface RowWriter {
  [WRITE_ROW](
    out: ByteWriter,
    includes?: (column: string) => boolean,
    image?: 'before' | 'after',
  ): void;
}

/**
 * Writes `event.canonicalRow(includes, image)` into `out`, in UTF-8: for sinks that send bytes. Events of this library's
 * sources make no string for it.
 */
export function writeRow(
  event: RowChange & Partial<RowWriter>,
  out: ByteWriter,
  includes?: (column: string) => boolean,
  image?: 'before' | 'after',
): void {
  if (event[WRITE_ROW] === undefined) out.text(event.canonicalRow(includes, image));
  else event[WRITE_ROW](out, includes, image);
}
