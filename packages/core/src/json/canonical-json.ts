import { ValueError } from '../errors/value-error.ts';
import { JsonNumber, type JsonValue } from '../event/json.ts';
import { scanNumber } from './internal/json-scanner.ts';
import { hasLoneSurrogate } from './internal/surrogates.ts';

const MAX_DEPTH = 1000;
const PLAIN_NAME = /^[A-Za-z_$][\w$]{0,62}$/u;

type Path = readonly (string | number)[];

/**
 * Writes a value as the canonical JSON of RFC 8785: keys sorted by UTF-16 units, numbers as ECMAScript prints them, no
 * whitespace. A `JsonNumber` is written to the letter; -0 is written as 0.
 *
 * Nothing is altered or left out in silence, unlike with `JSON.stringify`.
 *
 * @throws ValueError naming the path (never the value) of what JSON cannot carry: NaN, Infinity, undefined, bigint,
 *   functions, symbols, lone surrogates, holes in arrays, cycles, and objects that are neither plain nor arrays
 *   (for example Date: convert it to text first).
 */
export function canonicalJson(value: JsonValue): string {
  return write(value, [], new Set());
}

function write(value: unknown, path: Path, ancestors: Set<object>): string {
  switch (typeof value) {
    case 'string':
      return writeString(value, path);
    case 'number':
      if (!Number.isFinite(value)) throw refuse(path, 'a number that JSON cannot carry');
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      return value === null ? 'null' : writeObject(value, path, ancestors);
    default:
      throw refuse(path, typeof value);
  }
}

function writeString(text: string, path: Path): string {
  if (hasLoneSurrogate(text)) throw refuse(path, 'text with a lone surrogate');
  return JSON.stringify(text);
}

function writeObject(value: object, path: Path, ancestors: Set<object>): string {
  if (JsonNumber.is(value)) return writeJsonNumber(value.text, path);
  if (ancestors.has(value)) throw refuse(path, 'a cycle');
  if (ancestors.size === MAX_DEPTH) throw refuse(path, `more than ${MAX_DEPTH} levels`);
  ancestors.add(value);
  const text = Array.isArray(value)
    ? writeArray(value, path, ancestors)
    : writeMembers(value, path, ancestors);
  ancestors.delete(value);
  return text;
}

function writeJsonNumber(text: string, path: Path): string {
  try {
    if (scanNumber(text, 0) === text.length) return text;
  } catch {
    // Said below.
  }
  throw refuse(path, 'a JsonNumber that is no JSON number');
}

function writeArray(values: readonly unknown[], path: Path, ancestors: Set<object>): string {
  let text = '[';
  for (let index = 0; index < values.length; index += 1) {
    if (!(index in values)) throw refuse([...path, index], 'a hole in an array');
    text += (index === 0 ? '' : ',') + write(values[index], [...path, index], ancestors);
  }
  return `${text}]`;
}

function writeMembers(value: object, path: Path, ancestors: Set<object>): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object of another realm has a prototype that itself has none.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw refuse(path, 'an object that is not plain');
  }
  const members = value as Readonly<Record<string, unknown>>;
  let text = '';
  // The default sort compares UTF-16 code units, which is what RFC 8785, section 3.2.3 asks for.
  for (const name of Object.keys(members).sort()) {
    const at = [...path, name];
    text += `${text === '' ? '' : ','}${writeString(name, at)}:${write(members[name], at, ancestors)}`;
  }
  return `{${text}}`;
}

function refuse(path: Path, got: string): ValueError {
  const [first] = path;
  return new ValueError(
    typeof first === 'string' ? first : null,
    `Expected a JSON value at \`${printPath(path)}\`, got ${got}.`,
  );
}

/** Names that do not look like ones are not printed: the keys of a map can be data. */
export function printPath(path: Path): string {
  let text = '$';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += PLAIN_NAME.test(step) ? `.${step}` : '[…]';
  }
  return text;
}
