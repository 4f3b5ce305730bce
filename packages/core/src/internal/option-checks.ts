import { ConfigurationError } from '../errors/configuration-error.ts';
import { nearestName } from './nearest-name.ts';

/** A timer of more milliseconds fires at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/**
 * The error for an option of a wrong type or out of range. Numbers and the like are shown, texts are not: any of them
 * may hold a secret.
 */
export function wrongOption(option: string, expected: string, value: unknown): ConfigurationError {
  return expectation(option, expected, show(value));
}

/** The same for options that hold a secret: says the type only. */
export function wrongSecretOption(
  option: string,
  expected: string,
  value: unknown,
): ConfigurationError {
  const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  return expectation(option, expected, `another value (${type})`);
}

function expectation(option: string, expected: string, got: string): ConfigurationError {
  return new ConfigurationError(option, `Expected \`${option}\` to be ${expected}, got ${got}.`);
}

function show(value: unknown): string {
  if (value === null) return '`null`';
  if (value === '') return 'an empty string';
  if (typeof value === 'string') return `a string of ${value.length} characters`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined)
    return `\`${String(value)}\` (${typeof value})`;
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}

/** An object that is no array, or an error. */
export function requireObject(option: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongOption(option, 'an object', value);
  }
  return value as Readonly<Record<string, unknown>>;
}

/**
 * Refuses option names that are not known, naming the nearest one that is.
 *
 * @param path Where the options stand, for example `tls`; empty for those of the factory itself.
 */
export function refuseUnknownOptions(
  path: string,
  options: object,
  known: readonly string[],
): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const nearest = nearestName(name, known);
    throw new ConfigurationError(
      optionPath(path, name),
      `There is no option \`${optionPath(path, name)}\`.`,
      {
        remedy:
          nearest === null
            ? `Known options: ${known.join(', ')}.`
            : `Did you mean \`${optionPath(path, nearest)}\`?`,
      },
    );
  }
}

/** The full name of an option. */
export function optionPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** A positive integer up to `most`, or the default when undefined. */
export function positiveInteger(
  option: string,
  value: unknown,
  defaultValue: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return defaultValue;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0) {
    throw wrongOption(option, 'a positive integer', value);
  }
  return atMost(option, value, most);
}

/** A positive finite number up to `most`, or the default when undefined. */
export function positiveNumber(
  option: string,
  value: unknown,
  defaultValue: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return defaultValue;
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw wrongOption(option, 'a positive finite number', value);
  }
  return atMost(option, value, most);
}

function atMost(option: string, value: number, most: number): number {
  if (value > most) throw wrongOption(option, `at most ${most}`, value);
  return value;
}

/** A positive number of milliseconds that a timer can hold, `false` to disable, or undefined. */
export function optionalTimeout(option: string, value: unknown): number | false | undefined {
  if (value === undefined || value === false) return value;
  if (typeof value !== 'number' || !(value > 0 && value <= MAX_TIMER_MS)) {
    throw wrongOption(option, 'a positive finite number of milliseconds, or `false`', value);
  }
  return value;
}

/** A text that is not empty and has no NUL, or undefined. */
export function optionalText(option: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '') {
    throw wrongOption(option, 'a text that is not empty', value);
  }
  if (value.includes('\0')) throw wrongOption(option, 'a text without NUL', value);
  return value;
}

/** A boolean, or the default when undefined. */
export function booleanOption(option: string, value: unknown, defaultValue: boolean): boolean {
  if (value === undefined) return defaultValue;
  if (typeof value !== 'boolean') throw wrongOption(option, 'true or false', value);
  return value;
}
