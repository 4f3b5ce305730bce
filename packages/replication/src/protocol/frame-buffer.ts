import { SourceProtocolError } from '@certyo-cdc/core';

const HEADER = 5;

/**
 * Joins socket chunks so that whole frames can be read in place.
 *
 * A chunk that begins at a frame is handed on as it is. What is left of it behind its last whole frame is kept, and
 * joined with what follows once the whole frame has come, so that a large frame is copied once and not once a chunk.
 * Frames: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export class FrameBuffer {
  readonly #maxFrameBytes: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #neededBytes = 0;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Bytes that are kept until their frame is whole. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Takes a chunk; gives bytes that begin at a frame and hold at least one whole one, or null. */
  push(chunk: Buffer): Buffer | null {
    if (this.#pendingBytes === 0 && chunk.length >= HEADER) {
      const length = frameLength(chunk, 0, this.#maxFrameBytes);
      if (length <= chunk.length) return chunk;
      this.#neededBytes = length;
    }
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes < HEADER || this.#pendingBytes < this.#neededBytes) return null;
    const joined = this.#pending.length === 1 ? chunk : Buffer.concat(this.#pending);
    const length = frameLength(joined, 0, this.#maxFrameBytes);
    if (length > joined.length) {
      this.#pending = [joined];
      this.#neededBytes = length;
      return null;
    }
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#neededBytes = 0;
    return joined;
  }

  /** Gives back what is left behind the last whole frame. */
  keep(tail: Buffer): void {
    if (tail.length === 0) return;
    this.#pending = [tail];
    this.#pendingBytes = tail.length;
    this.#neededBytes = tail.length < HEADER ? 0 : frameLength(tail, 0, this.#maxFrameBytes);
  }
}

/** Length of the frame at `at`, its type byte included. */
function frameLength(bytes: Buffer, at: number, maxFrameBytes: number): number {
  const length = bytes.readInt32BE(at + 1) + 1;
  if (length < HEADER) throw new SourceProtocolError(`A frame claims a length of ${length} bytes.`);
  if (length > maxFrameBytes) {
    throw new SourceProtocolError(
      `A message of ${length} bytes is larger than maxMessageBytes (${maxFrameBytes}).`,
      { remedy: 'Raise maxMessageBytes, or leave the large column out of the publication.' },
    );
  }
  return length;
}

/** Length of the whole frame at `at`, its type byte included, or 0 when it is not whole. */
export function wholeFrameLength(bytes: Buffer, at: number): number {
  if (bytes.length - at < HEADER) return 0;
  const length = bytes.readInt32BE(at + 1) + 1;
  return length >= HEADER && at + length <= bytes.length ? length : 0;
}
