import { ConfigurationError } from '../errors/configuration-error.ts';

/** The error for an option of a wrong type or out of range. Do not use it for secrets: it prints the value. */
export function wrongOption(option: string, expected: string, value: unknown): ConfigurationError {
  return new ConfigurationError(
    option,
    `Expected \`${option}\` to be ${expected}, got \`${print(value)}\` (${typeOf(value)})`,
  );
}

/** The same for values that may hold a secret: says the type only. */
export function wrongSecretOption(
  option: string,
  expected: string,
  value: unknown,
): ConfigurationError {
  return new ConfigurationError(
    option,
    `Expected \`${option}\` to be ${expected}, got another value (${typeOf(value)})`,
  );
}

/** Refuses option names that are not known, naming the nearest one that is. */
export function refuseUnknownOptions(
  factory: string,
  options: object,
  known: readonly string[],
): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const nearest = nearestName(name, known);
    throw new ConfigurationError(
      name,
      `Unknown option \`${name}\` of ${factory}.`,
      nearest === null ? {} : { remedy: `Did you mean \`${nearest}\`?` },
    );
  }
}

/** A positive integer, or the default when undefined. */
export function positiveInteger(option: string, value: unknown, defaultValue: number): number {
  if (value === undefined) return defaultValue;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0) {
    throw wrongOption(option, 'a positive integer', value);
  }
  return value;
}

/** A time in milliseconds that a timer can hold, or the default when undefined. */
export function durationMs(option: string, value: unknown, defaultValue: number): number {
  if (value === undefined) return defaultValue;
  // A timer of more than 2^31-1 milliseconds fires at once.
  if (typeof value !== 'number' || !(value > 0) || value > 2 ** 31 - 1) {
    throw wrongOption(option, 'a positive finite number of milliseconds below 2^31', value);
  }
  return value;
}

/** A text that is not empty, or undefined. */
export function optionalText(option: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '')
    throw wrongOption(option, 'a text that is not empty', value);
  return value;
}

/** A boolean, or the default when undefined. */
export function booleanOption(option: string, value: unknown, defaultValue: boolean): boolean {
  if (value === undefined) return defaultValue;
  if (typeof value !== 'boolean') throw wrongOption(option, 'true or false', value);
  return value;
}

function nearestName(name: string, known: readonly string[]): string | null {
  let nearest: string | null = null;
  let best = Math.max(2, Math.floor(name.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1];
      current.push(
        Math.min(
          (previous[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (previous[column - 1] ?? 0) + (same ? 0 : 1),
        ),
      );
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}

function print(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? '[…]' : '{…}';
  return String(value);
}
