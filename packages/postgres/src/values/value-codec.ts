import type { JsonValue } from '@certyo-cdc/core';

/**
 * Turns the text that PostgreSQL prints for one type into JSON.
 *
 * A codec checks the shape of what it reads: text of another shape means that the session's settings are not the pinned
 * ones, and is refused with a `ValueError` (without a column name: whoever knows the column adds it).
 */
export interface ValueCodec {
  /** Canonical JSON text, written from PostgreSQL's text without passing through JavaScript numbers. */
  toJson(text: string): string;
  /** The same JSON value for mappers. Numbers that JavaScript cannot hold exactly are strings or `JsonNumber`. */
  toValue(text: string): JsonValue;
}
