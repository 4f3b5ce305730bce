import { Buffer } from 'node:buffer';

import type { JsonValue } from '@certyo-cdc/core';
import { ByteWriter } from '@certyo-cdc/core/internal';

/**
 * Turns the text that PostgreSQL prints for one type into JSON.
 *
 * A codec checks the shape of what it reads: text of another shape means that the session's settings are not the pinned
 * ones, and is refused with a `ValueError` (without a column name: whoever knows the column adds it).
 */
export interface ValueCodec {
  /**
   * Writes canonical JSON, from the bytes in which the text came to the bytes that are sent: no value passes through a
   * JavaScript number, and most of them not through a string.
   */
  writeJson(bytes: Buffer, start: number, end: number, out: ByteWriter): void;
  /** The same JSON value for mappers. Numbers that JavaScript cannot hold exactly are strings or `JsonNumber`. */
  toValue(text: string): JsonValue;
}

/** For short texts; null while one is being written, which may hold others. */
let scratch: Buffer | null = Buffer.alloc(256);

/** `writeJson` for a text that is not at hand as bytes. */
export function writeTextJson(codec: ValueCodec, text: string, out: ByteWriter): void {
  const own = scratch;
  // A code unit takes three bytes at most.
  if (own === null || text.length * 3 > own.length) {
    const bytes = Buffer.from(text);
    codec.writeJson(bytes, 0, bytes.length, out);
    return;
  }
  scratch = null;
  try {
    codec.writeJson(own, 0, own.write(text), out);
  } finally {
    scratch = own;
  }
}

/** Canonical JSON of a text. */
export function toJson(codec: ValueCodec, text: string): string {
  const out = new ByteWriter(text.length * 2 + 2);
  writeTextJson(codec, text, out);
  return out.toString();
}
