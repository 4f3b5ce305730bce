import { wholeFrameLength } from './frame-buffer.ts';

const COPY_DATA = 0x64;
const XLOG_DATA = 0x77;
/** The plugin's message begins here in a frame of XLogData. */
const TYPE_AT = 5 + 25;

/**
 * Finds the end of a run of frames with messages of the plugin.
 *
 * @param stop The kind of message that ends the run; it is not part of it.
 * @param saw Called with where each message begins and ends.
 */
export function endOfPiece(
  bytes: Buffer,
  from: number,
  stop: number,
  saw: (at: number, end: number) => void,
): { readonly end: number; readonly isStopped: boolean } {
  let pos = from;
  for (;;) {
    const length = wholeFrameLength(bytes, pos);
    if (length <= TYPE_AT || bytes[pos] !== COPY_DATA || bytes[pos + 5] !== XLOG_DATA) {
      return { end: pos, isStopped: false };
    }
    if (bytes[pos + TYPE_AT] === stop) return { end: pos, isStopped: true };
    saw(pos + TYPE_AT, pos + length);
    pos += length;
  }
}
