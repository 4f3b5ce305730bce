/** What decoders are given, and what they answer: the number of rows, and what they took. */
export interface DecodeInput {
  readonly file: string;
  readonly rows: number;
}

/** Bytes in front of a message of the plugin: the frame's head, and that of the copy message. */
const MESSAGE_AT = 5 + 25;

/** A frame of the recording. */
export interface RecordedFrame {
  /** Where its message begins, and where the frame ends. */
  readonly at: number;
  readonly end: number;
}

/** Goes through the frames of a recording without keeping them. */
export function* framesOf(recording: Buffer): Generator<RecordedFrame> {
  let pos = 0;
  while (pos < recording.length) {
    const end = pos + 1 + recording.readUInt32BE(pos + 1);
    yield { at: pos + MESSAGE_AT, end };
    pos = end;
  }
}

/** As much as comes from a socket at once. */
export const CHUNK_BYTES: number = 1 << 16;
