import { RELATION } from '../protocol/pgoutput.ts';
import { wholeFrameLength } from '../protocol/frame-buffer.ts';
import { writeKeepalive, writeXLogData } from './pgoutput-writer.ts';

/** What one message of a plugin becomes. */
export type Translation =
  | { readonly type: 'messages'; readonly messages: readonly Buffer[] }
  /** Nothing; but everything up to here has been read. */
  | { readonly type: 'progress'; readonly to: bigint };

/** Turns the messages of a plugin into those of pgoutput, within one session. */
export interface MessageTranslator {
  /**
   * @param message What the plugin wrote; not to be kept.
   * @param lsn The position that it was sent with.
   */
  translate(message: Buffer, lsn: bigint): Promise<Translation>;
}

const COPY_DATA = 0x64;
const XLOG_DATA = 0x77;
/** CopyData's head, and XLogData's: Byte1, Int64 start, Int64 end, Int64 clock. */
const HEAD_BYTES = 5 + 1;
const MESSAGE_AT = HEAD_BYTES + 24;
const NO_PLACE = Buffer.alloc(24);

/** Translates the whole frames in `bytes`, which begin at a frame. What is no message of the plugin stays as it is. */
export async function translateFrames(
  translator: MessageTranslator,
  bytes: Buffer,
): Promise<{ readonly translated: Buffer; readonly consumed: number }> {
  const pieces: Buffer[] = [];
  let pos = 0;
  for (;;) {
    const length = wholeFrameLength(bytes, pos);
    if (length === 0) break;
    const frame = bytes.subarray(pos, pos + length);
    pos += length;
    if (frame[0] !== COPY_DATA || frame[5] !== XLOG_DATA || length < MESSAGE_AT) {
      pieces.push(frame);
      continue;
    }
    const translation = await translator.translate(
      frame.subarray(MESSAGE_AT),
      frame.readBigUInt64BE(HEAD_BYTES),
    );
    if (translation.type === 'progress') pieces.push(writeKeepalive(translation.to));
    else {
      const head = frame.subarray(HEAD_BYTES, MESSAGE_AT);
      for (const message of translation.messages) {
        // Like pgoutput: a description has no position of its own.
        const isPlaceless = message[0] === RELATION;
        pieces.push(writeXLogData(isPlaceless ? NO_PLACE : head, message));
      }
    }
  }
  return { translated: Buffer.concat(pieces), consumed: pos };
}
