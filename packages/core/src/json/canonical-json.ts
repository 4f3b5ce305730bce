import { ValueError } from '../errors/value-error.ts';
import { JsonNumber, type JsonValue } from '../event/json.ts';
import { decimal } from '../internal/decimal.ts';
import { scanNumber } from './internal/json-scanner.ts';
import { hasLoneSurrogate } from './internal/surrogates.ts';

const MAX_DEPTH = 1000;
const PLAIN_NAME = /^[A-Za-z_$][\w$]{0,62}$/u;

/**
 * A unit that may not stand between quotes as it is: a quote, a backslash, a control character, half of a surrogate pair. A pattern
 * that has to match the whole text runs out of stack at 8 million characters; without the flag `u` this one is fastest.
 */
const NOT_PLAIN = /[^ !#-[\]-\ud7ff\ue000-\uffff]/;

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
  return write(value, { path: [], ancestors: [] });
}

/** Where the writing stands: the names and places that lead there, and the objects that it is within. */
interface Standing {
  readonly path: (string | number)[];
  readonly ancestors: object[];
}

function write(value: unknown, at: Standing): string {
  switch (typeof value) {
    case 'string':
      return writeString(value, at);
    case 'number':
      return writeNumber(value, at);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      return value === null ? 'null' : writeObject(value, at);
    default:
      throw refuse(at, typeof value);
  }
}

function writeString(text: string, at: Standing): string {
  if (!NOT_PLAIN.test(text)) return `"${text}"`;
  if (hasLoneSurrogate(text)) throw refuse(at, 'text with a lone surrogate');
  return JSON.stringify(text);
}

function writeNumber(value: number, at: Standing): string {
  if (Number.isSafeInteger(value) && value > 0) return decimal(value);
  if (!Number.isFinite(value)) throw refuse(at, 'a number that JSON cannot carry');
  return JSON.stringify(value);
}

function writeObject(value: object, at: Standing): string {
  if (JsonNumber.is(value)) return writeJsonNumber(value.text, at);
  const { ancestors } = at;
  if (ancestors.includes(value)) throw refuse(at, 'a cycle');
  if (ancestors.length === MAX_DEPTH) throw refuse(at, `more than ${MAX_DEPTH} levels`);
  ancestors.push(value);
  const text = Array.isArray(value) ? writeArray(value, at) : writeMembers(value, at);
  ancestors.pop();
  return text;
}

function writeJsonNumber(text: string, at: Standing): string {
  try {
    if (scanNumber(text, 0) === text.length) return text;
  } catch {
    // Said below.
  }
  throw refuse(at, 'a JsonNumber that is no JSON number');
}

function writeArray(values: readonly unknown[], at: Standing): string {
  const { path } = at;
  let text = '[';
  for (let index = 0; index < values.length; index += 1) {
    path.push(index);
    if (!(index in values)) throw refuse(at, 'a hole in an array');
    text += (index === 0 ? '' : ',') + write(values[index], at);
    path.pop();
  }
  return `${text}]`;
}

function writeMembers(value: object, at: Standing): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object of another realm has a prototype that itself has none.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw refuse(at, 'an object that is not plain');
  }
  const members = value as Readonly<Record<string, unknown>>;
  const { path } = at;
  let text = '{';
  // The default sort compares UTF-16 code units, which is what RFC 8785, section 3.2.3 asks for.
  for (const name of Object.keys(members).sort()) {
    path.push(name);
    text += `${text === '{' ? '' : ','}${writeString(name, at)}:${write(members[name], at)}`;
    path.pop();
  }
  return `${text}}`;
}

function refuse({ path }: Standing, got: string): ValueError {
  const [first] = path;
  return new ValueError(
    typeof first === 'string' ? first : null,
    `Expected a JSON value at \`${printPath(path)}\`, got ${got}.`,
  );
}

/** Names that do not look like ones are not printed: the keys of a map can be data. */
export function printPath(path: readonly (string | number)[]): string {
  let text = '$';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += PLAIN_NAME.test(step) ? `.${step}` : '[…]';
  }
  return text;
}
