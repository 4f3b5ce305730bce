import { Buffer } from 'node:buffer';

const WORD_BYTES = 4;

/** Text that is the same in many rows, in UTF-8, cut into words: a `ByteWriter` writes it four bytes at a time. */
export class ConstantBytes {
  readonly length: number;
  /** Little-endian; zeros behind the last byte. */
  readonly words: Int32Array;

  constructor(text: string) {
    const bytes = Buffer.from(text);
    this.length = bytes.length;
    this.words = new Int32Array(Math.ceil(bytes.length / WORD_BYTES));
    const padded = Buffer.alloc(this.words.length * WORD_BYTES);
    bytes.copy(padded);
    for (let index = 0; index < this.words.length; index += 1) {
      this.words[index] = padded.readInt32LE(index * WORD_BYTES);
    }
  }
}
