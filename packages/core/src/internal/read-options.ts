import { ConfigurationError } from '../errors/configuration-error.ts';

type Options = Readonly<Record<string, unknown>>;

function describe(value: unknown): string {
  if (value === null) return '`null`';
  if (typeof value === 'string') return `a string of ${value.length} characters`;
  if (typeof value === 'number' || typeof value === 'boolean')
    return `\`${value}\` (${typeof value})`;
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}

function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const insertion = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(substitution, insertion, (previous[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** The known name that is nearest to a wrong one. */
export function nearestName(name: string, known: readonly string[]): string | null {
  let nearest: string | null = null;
  let least = Infinity;
  for (const candidate of known) {
    const changes = distance(name.toLowerCase(), candidate.toLowerCase());
    if (changes < least) {
      least = changes;
      nearest = candidate;
    }
  }
  return nearest;
}

/**
 * Reads one object of options, strictly: a wrong type, a value out of range or an unknown name throws
 * `ConfigurationError` with the option's full path. The value itself of a text is never printed.
 */
export class OptionReader {
  readonly #path: string;
  readonly #options: Options;

  constructor(path: string, value: unknown, known: readonly string[]) {
    if (
      value !== undefined &&
      (typeof value !== 'object' || value === null || Array.isArray(value))
    ) {
      throw expected(path === '' ? 'options' : path, 'to be an object', value);
    }
    this.#path = path;
    this.#options = { ...value };
    for (const name of Object.keys(this.#options)) {
      if (known.includes(name)) continue;
      const nearest = nearestName(name, known);
      throw new ConfigurationError(
        this.#name(name),
        `There is no option \`${this.#name(name)}\`.`,
        {
          remedy: nearest === null ? undefined : `Did you mean \`${this.#name(nearest)}\`?`,
        },
      );
    }
  }

  /** The raw value. */
  value(name: string): unknown {
    return this.#options[name];
  }

  nested(name: string, known: readonly string[]): OptionReader {
    return new OptionReader(this.#name(name), this.#options[name], known);
  }

  positive(name: string, fallback: number, most: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#options[name];
    if (value === undefined) return fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
      throw expected(this.#name(name), 'to be a positive finite number', value);
    }
    if (value > most) throw expected(this.#name(name), `to be at most ${most}`, value);
    return value;
  }

  positiveInteger(name: string, fallback: number, most: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.positive(name, fallback, most);
    if (!Number.isSafeInteger(value)) {
      throw expected(this.#name(name), 'to be a positive integer', value);
    }
    return value;
  }

  positiveIntegerOrFalse(name: string, fallback: number | false): number | false {
    const value = this.#options[name];
    if (value === undefined) return fallback;
    if (value === false) return false;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0) {
      throw expected(this.#name(name), 'to be a positive integer or `false`', value);
    }
    return value;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.#options[name];
    if (value === undefined) return fallback;
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) {
      const list = allowed.map((candidate) => `'${candidate}'`).join(' or ');
      throw expected(this.#name(name), `to be ${list}`, value);
    }
    return found;
  }

  /** Checks that the option is a function when it is given. */
  assertFunction(name: string): void {
    const value = this.#options[name];
    if (value !== undefined && typeof value !== 'function') {
      throw expected(this.#name(name), 'to be a function', value);
    }
  }

  /** Checks that the option, when it is given, is an object with these methods. */
  assertMethods(name: string, methods: readonly string[]): void {
    const value = this.#options[name];
    if (value === undefined) return;
    assertMethods(this.#name(name), value, methods);
  }

  #name(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }
}

function expected(option: string, what: string, value: unknown): ConfigurationError {
  return new ConfigurationError(option, `Expected \`${option}\` ${what}, got ${describe(value)}.`);
}

/** Checks that a value is an object with these methods. */
export function assertMethods(option: string, value: unknown, methods: readonly string[]): void {
  if (typeof value !== 'object' || value === null) throw expected(option, 'to be an object', value);
  for (const method of methods) {
    if (typeof (value as Options)[method] === 'function') continue;
    throw new ConfigurationError(option, `Expected \`${option}\` to have a method \`${method}\`.`);
  }
}
