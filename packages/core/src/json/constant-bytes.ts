import { Buffer } from 'node:buffer';

const WORD_BYTES = 4;

/** Text that is the same in many rows, in UTF-8, cut into words: a `ByteWriter` writes it four bytes at a time. */
export class ConstantBytes {
  readonly length: number;
  /** Little-endian; zeros behind the last byte. No typed array: there are as many as columns, and one takes three times as much memory. */
  readonly words: readonly number[];

  constructor(text: string) {
    const bytes = Buffer.from(text);
    this.length = bytes.length;
    const padded = Buffer.alloc(Math.ceil(bytes.length / WORD_BYTES) * WORD_BYTES);
    bytes.copy(padded);
    const words: number[] = [];
    for (let at = 0; at < padded.length; at += WORD_BYTES) words.push(padded.readInt32LE(at));
    this.words = words;
  }
}
