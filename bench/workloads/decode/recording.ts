import { readFileSync } from 'node:fs';
import type { DrainMeasure } from '../../runner/drain.ts';
import { startMeter } from '../../support/meter.ts';

/** What decoders are given, and what they answer: the number of rows, and what they took. */
export interface DecodeInput {
  readonly file: string;
  readonly rows: number;
  /** How many times it is decoded in one process; the last time is measured. */
  readonly times: number;
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

/** Decodes a recording as many times as asked; `decode` gives the number of rows that it has seen. */
export async function measureDecoding(
  { file, rows, times }: DecodeInput,
  decode: (recording: Buffer) => number | Promise<number>,
): Promise<DrainMeasure> {
  const recording = readFileSync(file);
  for (let time = 1; ; time += 1) {
    const stop = startMeter();
    const seen = await decode(recording);
    const usage = stop();
    if (seen !== rows) throw new Error(`${seen} of ${rows} rows.`);
    if (time >= times) return { rows: seen, ...usage };
  }
}
