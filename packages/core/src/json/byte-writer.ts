import { Buffer } from 'node:buffer';

import type { ConstantBytes } from './constant-bytes.ts';

/** Up to here a loop is faster than a call out of JavaScript. */
const SHORT = 96;
/** Bytes that are kept from one use to the next. */
const MOST_KEPT = 1024 * 1024;
/** Texts up to here are given all the room that they may take, without being measured. */
const MOST_GUESSED = 64 * 1024;
/** Views are kept of lengths below this. */
const MOST_VIEWS = 2_048;
const WORD_BYTES = 4;
const NOT_ASCII = 0x80808080;
const NO_WORDS = new DataView(new ArrayBuffer(0));
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const HEX = '0123456789abcdef';
/** The letter behind the backslash for the control characters that have one. */
const LETTERS: ReadonlyMap<number, number> = new Map([
  [0x08, 0x62],
  [0x09, 0x74],
  [0x0a, 0x6e],
  [0x0c, 0x66],
  [0x0d, 0x72],
]);

/**
 * Grows with what is written into it: JSON in UTF-8, put together without strings in between.
 *
 * One writer serves many rows: `clear` begins anew, and whoever keeps what was written copies it out.
 */
export class ByteWriter {
  bytes: Buffer;
  length = 0;

  readonly #capacity: number;
  /** Of `bytes`. */
  #words: DataView;
  /** What was read last, and its words: many values come from one piece of the log. */
  #source: Uint8Array | null = null;
  #sourceView: DataView = NO_WORDS;
  /** The bits of what `plain` has copied for `quoted`. */
  #seen = 0;
  /** By length, of the bytes in `#viewed`. */
  #views: Buffer[] = [];
  #viewed: Buffer | null = null;
  #viewedFrom = 0;
  /** By length, of all of `#copied` up to there. */
  #wholes: Buffer[] = [];
  #copied: Buffer | null = null;

  constructor(capacity: number = 4096) {
    this.#capacity = capacity;
    this.bytes = Buffer.allocUnsafeSlow(capacity);
    this.#words = wordsOf(this.bytes);
  }

  /** Begins anew, behind what is kept. What a rare large row needed is given back. */
  clear(kept: number = 0): void {
    this.length = kept;
    if (this.#sourceView.buffer.byteLength > MOST_KEPT) {
      this.#source = null;
      this.#sourceView = NO_WORDS;
    }
    if (this.bytes.length <= MOST_KEPT) return;
    const smaller = Buffer.allocUnsafeSlow(Math.max(this.#capacity, kept));
    this.bytes.copy(smaller, 0, 0, kept);
    this.bytes = smaller;
    this.#words = wordsOf(smaller);
  }

  /** Makes room for `more` bytes and gives the bytes to write to, from `length` on. */
  room(more: number): Buffer {
    const needed = this.length + more;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
      this.#words = wordsOf(grown);
    }
    return this.bytes;
  }

  byte(code: number): void {
    this.room(1)[this.length++] = code;
  }

  /** Text of which every character is ASCII, or its first characters. */
  ascii(text: string, length: number = text.length): void {
    const bytes = this.room(length);
    if (length > SHORT) {
      this.length += bytes.write(text, this.length, length, 'latin1');
      return;
    }
    let at = this.length;
    for (let index = 0; index < length; index += 1) bytes[at++] = text.charCodeAt(index);
    this.length = at;
  }

  text(text: string): void {
    // No character takes more than three bytes for each of its code units. A long text is measured instead: three times a
    // large payload would be the most memory that a pipeline holds.
    const { length } = text;
    const bytes = this.room(length > MOST_GUESSED ? Buffer.byteLength(text) : length * 3);
    this.length += bytes.write(text, this.length, 'utf8');
  }

  /** A JSON string of text, as JSON.stringify writes it. */
  quotedText(text: string): void {
    const { length } = text;
    const bytes = this.room(length + 2);
    const start = this.length;
    let at = start;
    bytes[at++] = QUOTE;
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index);
      if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) {
        this.text(JSON.stringify(text));
        return;
      }
      bytes[at++] = code;
    }
    bytes[at++] = QUOTE;
    this.length = at;
  }

  /** Text that is the same in many rows. */
  constant({ length, words }: ConstantBytes): void {
    // Up to three bytes too much are written, where the next ones come.
    this.room(words.length * 4);
    const target = this.#words;
    let at = this.length;
    for (let index = 0; index < words.length; index += 1) {
      target.setInt32(at, words[index] as number, true);
      at += 4;
    }
    this.length += length;
  }

  /** Bytes as they are. */
  copy(from: Uint8Array, start: number, end: number): void {
    const bytes = this.room(end - start);
    if (end - start > SHORT) {
      const isWhole = start === 0 && end === from.length;
      bytes.set(isWhole ? from : from.subarray(start, end), this.length);
    } else {
      const source = this.wordsOf(from);
      const target = this.#words;
      let at = this.length;
      let index = start;
      for (; index + WORD_BYTES <= end; index += WORD_BYTES) {
        target.setInt32(at, source.getInt32(index, true), true);
        at += WORD_BYTES;
      }
      for (; index < end; index += 1) bytes[at++] = from[index] as number;
    }
    this.length += end - start;
  }

  /**
   * A JSON string of text in UTF-8, escaped as JSON.stringify escapes it.
   *
   * @returns Whether all of it is ASCII. If not, nobody has looked whether it is valid UTF-8.
   */
  quoted(from: Uint8Array, start: number, end: number): boolean {
    this.byte(QUOTE);
    this.#seen = 0;
    const index = this.plain(from, start, end);
    if (index < end) this.#escaped(from, index, end);
    this.byte(QUOTE);
    return (this.#seen & NOT_ASCII) === 0;
  }

  /**
   * Copies bytes up to the first that stands for something else in a JSON string: a quote, a backslash or what is below 0x20.
   *
   * @returns Its place, or the end.
   */
  plain(from: Uint8Array, start: number, end: number): number {
    const bytes = this.room(end - start);
    const target = this.#words;
    const source = this.wordsOf(from);
    let at = this.length;
    let seen = 0;
    let index = start;
    while (index + WORD_BYTES <= end) {
      const word = source.getInt32(index, true);
      if (!isPlain(word)) break;
      target.setInt32(at, word, true);
      seen |= word;
      at += WORD_BYTES;
      index += WORD_BYTES;
    }
    for (; index < end; index += 1) {
      const code = from[index] as number;
      if (code < 0x20 || code === QUOTE || code === BACKSLASH) break;
      bytes[at++] = code;
      seen |= code;
    }
    this.length = at;
    this.#seen |= seen;
    return index;
  }

  /**
   * What was written from `start` on, until something else is.
   *
   * Rows of one table have much the same length, and looking a view up costs less than making one; so they are kept, for
   * the `start` that was asked for last.
   */
  view(start: number = 0): Buffer {
    const length = this.length - start;
    if (length >= MOST_VIEWS) return this.bytes.subarray(start, this.length);
    if (this.#viewed !== this.bytes || this.#viewedFrom !== start) {
      this.#views = [];
      this.#viewed = this.bytes;
      this.#viewedFrom = start;
    }
    return (this.#views[length] ??= this.bytes.subarray(start, this.length));
  }

  /** Copies what was written to a place that has room for it. */
  copyTo(target: Uint8Array, at: number): void {
    const { length } = this;
    if (length >= MOST_VIEWS) {
      this.bytes.copy(target, at, 0, length);
      return;
    }
    if (this.#copied !== this.bytes) {
      this.#wholes = [];
      this.#copied = this.bytes;
    }
    target.set((this.#wholes[length] ??= this.bytes.subarray(0, length)), at);
  }

  /** Bytes that are read four at a time: what is made for it is kept for as long as the same ones are read. */
  wordsOf(from: Uint8Array): DataView {
    if (this.#source !== from) {
      this.#source = from;
      this.#sourceView = wordsOf(from);
    }
    return this.#sourceView;
  }

  /** A copy of what was written. */
  slice(): Buffer {
    const { length } = this;
    const copy = Buffer.allocUnsafe(length);
    this.bytes.copy(copy, 0, 0, length);
    return copy;
  }

  toString(): string {
    return this.bytes.toString('utf8', 0, this.length);
  }

  /** Byte by byte: where one has to be escaped, more will follow. */
  #escaped(from: Uint8Array, start: number, end: number): void {
    let bytes = this.room(end - start + 1);
    let at = this.length;
    let seen = 0;
    for (let index = start; index < end; index += 1) {
      const code = from[index] as number;
      if (code >= 0x20 && code !== QUOTE && code !== BACKSLASH) {
        bytes[at++] = code;
        seen |= code;
        continue;
      }
      this.length = at;
      // For this one and the rest, at two bytes for this one.
      if (code >= 0x20) {
        bytes = this.room(end - index + 1);
        bytes[at++] = BACKSLASH;
        bytes[at++] = code;
      } else {
        this.#escape(code);
        at = this.length;
        bytes = this.room(end - index);
      }
    }
    this.length = at;
    this.#seen |= seen;
  }

  /** A character below 0x20. */
  #escape(code: number): void {
    const letter = LETTERS.get(code);
    if (letter === undefined) {
      this.ascii(`\\u00${HEX.charAt(code >> 4)}${HEX.charAt(code & 15)}`);
      return;
    }
    this.byte(BACKSLASH);
    this.byte(letter);
  }
}

/** Whether none of the four bytes has to be escaped: is a quote, a backslash or below 0x20. */
function isPlain(word: number): boolean {
  const quotes = word ^ 0x22222222;
  const slashes = word ^ 0x5c5c5c5c;
  return (
    ((((word - 0x20202020) & ~word) |
      ((quotes - 0x01010101) & ~quotes) |
      ((slashes - 0x01010101) & ~slashes)) &
      NOT_ASCII) ===
    0
  );
}

function wordsOf({ buffer, byteLength, byteOffset }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
