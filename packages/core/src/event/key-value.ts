import type { RowChange } from './change-event.ts';
import type { JsonValue } from './json.ts';

/** The method of events that can say the value of their key without making an object of it. */
export const KEY_VALUE: unique symbol = Symbol.for('@certyo-cdc/key-value/1');

/** An event of which the key is mostly one column. */
export interface KeyReader {
  /** The value of the only column of `key`; undefined where there are several. */
  [KEY_VALUE](): JsonValue | undefined;
}

/** The value of the only column of `event.key`, where the event can say it without making an object. */
export function onlyKeyValue(event: RowChange & Partial<KeyReader>): JsonValue | undefined {
  return event[KEY_VALUE]?.();
}
