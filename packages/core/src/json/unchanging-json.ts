import type { JsonValue } from '../event/json.ts';

const unchanging = new WeakSet<object>();

/**
 * Says of an object or array that nobody ever changes it or anything in it: as long as it is the same object, it is the same
 * JSON, and need not be looked through to see that.
 */
export function unchangingJson<T extends JsonValue>(value: T): T {
  if (typeof value === 'object' && value !== null) unchanging.add(Object.freeze(value));
  return value;
}

/** True for what `unchangingJson` was called with, and for what is no object. */
export function isUnchangingJson(value: JsonValue): boolean {
  return typeof value !== 'object' || value === null || unchanging.has(value);
}
