import { ConfigurationError } from '@certyo-cdc/core';

/** How a wrong value is shown in a message. Texts are not shown: an option may hold a secret. */
function show(value: unknown): string {
  if (value === null) return '`null`';
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'undefined')
    return `\`${String(value)}\` (${typeof value})`;
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}

/** The error for an option of the wrong type or out of range. */
export function wrongOption(option: string, expected: string, value: unknown): ConfigurationError {
  return new ConfigurationError(
    option,
    `Expected \`${option}\` to be ${expected}, got ${show(value)}.`,
  );
}

/** Refuses anything but a plain object. */
export function requireObject(value: unknown, option: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrongOption(option, 'an object', value);
  return value as Readonly<Record<string, unknown>>;
}

/** Refuses option names that are not known, and names the nearest one that is. */
export function refuseUnknown(
  options: Readonly<Record<string, unknown>>,
  known: readonly string[],
  prefix: string,
): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const hint =
      near === null ? `Known: ${known.join(', ')}.` : `Did you mean \`${prefix}${near}\`?`;
    throw new ConfigurationError(
      `${prefix}${name}`,
      `Unknown option \`${prefix}${name}\`. ${hint}`,
    );
  }
}

/** A non-empty text, or undefined. */
export function optionalText(value: unknown, option: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '')
    throw wrongOption(option, 'a non-empty string', value);
  if (value.includes('\0')) throw wrongOption(option, 'a string without NUL', value);
  return value;
}

/** A positive number of milliseconds that a timer can hold, `false` to disable, or undefined. */
export function optionalTimeout(value: unknown, option: string): number | false | undefined {
  if (value === undefined || value === false) return value;
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0 || value > 2_147_483_647)
    throw wrongOption(option, 'a positive finite number of milliseconds, or false', value);
  return value;
}

/** The known name nearest to `name`, or null when none is near. */
export function nearest(name: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
