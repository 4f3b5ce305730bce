import type { JsonValue } from '@certyo-cdc/core';

/** `toJSON` of events and of copies of events: every field that is there and is no function. */
export function eventToJson(this: object): JsonValue {
  return Object.fromEntries(
    Object.entries(this).filter(([, value]) => typeof value !== 'function' && value !== undefined),
  ) as JsonValue;
}
