import { JsonNumber, type JsonValue } from '../../event/json.ts';

/** A JSON object as parsed from a hostile text: look at own members only. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** The value as an object, or null. */
export function asObject(value: JsonValue | undefined): JsonObject | null {
  return typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !JsonNumber.is(value)
    ? (value as JsonObject)
    : null;
}

/** The value as an array, or null. */
export function asArray(value: JsonValue | undefined): readonly JsonValue[] | null {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : null;
}

/** An own member, or undefined. */
export function member(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** An own member that is a text with something in it, or null. */
export function textMember(object: JsonObject, name: string): string | null {
  const value = member(object, name);
  return typeof value === 'string' && value !== '' ? value : null;
}
