import { ConfigurationError } from '../errors/configuration-error.ts';
import {
  booleanOption,
  MAX_TIMER_MS,
  optionalText,
  optionPath,
  positiveInteger,
  positiveNumber,
  refuseUnknownOptions,
  requireObject,
  wrongOption,
} from './option-checks.ts';

/**
 * Reads one object of options, strictly: a wrong type, a value out of range or an unknown name throws
 * `ConfigurationError` with the option's full path. The value itself of a text is never printed.
 */
export class OptionReader {
  readonly #path: string;
  readonly #options: Readonly<Record<string, unknown>>;

  constructor(path: string, value: unknown, known: readonly string[]) {
    this.#path = path;
    this.#options =
      value === undefined ? {} : { ...requireObject(path === '' ? 'options' : path, value) };
    refuseUnknownOptions(path, this.#options, known);
  }

  /** The raw value. */
  value(name: string): unknown {
    return this.#options[name];
  }

  nested(name: string, known: readonly string[]): OptionReader {
    return new OptionReader(this.#name(name), this.#options[name], known);
  }

  positive(name: string, fallback: number, most?: number): number {
    return positiveNumber(this.#name(name), this.#options[name], fallback, most);
  }

  positiveInteger(name: string, fallback: number, most?: number): number {
    return positiveInteger(this.#name(name), this.#options[name], fallback, most);
  }

  positiveIntegerOrFalse(name: string, fallback: number | false, most?: number): number | false {
    const value = this.#options[name];
    if (value === undefined) return fallback;
    if (value === false) return false;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0) {
      throw wrongOption(this.#name(name), 'a positive integer or `false`', value);
    }
    return positiveInteger(this.#name(name), value, value, most);
  }

  /** An object of two times, milliseconds, of which the second is at least the first; its default gives way to the first. */
  bounds<Name extends string>(
    name: string,
    [least, most]: readonly [Name, Name],
    [leastDefault, mostDefault]: readonly [number, number],
  ): Readonly<Record<Name, number>> {
    const nested = this.nested(name, [least, most]);
    const min = nested.positive(least, leastDefault, MAX_TIMER_MS);
    const max = nested.positive(most, Math.max(mostDefault, min), MAX_TIMER_MS);
    if (max < min) {
      const path = this.#name(name);
      throw new ConfigurationError(
        `${path}.${most}`,
        `Expected \`${path}.${most}\` to be at least \`${path}.${least}\` (${min}), got \`${max}\`.`,
      );
    }
    return { [least]: min, [most]: max } as Record<Name, number>;
  }

  text(name: string, fallback: string): string {
    return optionalText(this.#name(name), this.#options[name]) ?? fallback;
  }

  flag(name: string): boolean {
    return booleanOption(this.#name(name), this.#options[name], false);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.#options[name];
    if (value === undefined) return fallback;
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) {
      const list = allowed.map((candidate) => `'${candidate}'`).join(' or ');
      throw wrongOption(this.#name(name), list, value);
    }
    return found;
  }

  /** Checks that the option is a function when it is given. */
  assertFunction(name: string): void {
    const value = this.#options[name];
    if (value !== undefined && typeof value !== 'function') {
      throw wrongOption(this.#name(name), 'a function', value);
    }
  }

  /** Checks that the option, when it is given, is an object with these methods. */
  assertMethods(name: string, methods: readonly string[]): void {
    const value = this.#options[name];
    if (value === undefined) return;
    assertMethods(this.#name(name), value, methods);
  }

  #name(name: string): string {
    return optionPath(this.#path, name);
  }
}

/** Checks that a value is an object with these methods. */
export function assertMethods(option: string, value: unknown, methods: readonly string[]): void {
  if (typeof value !== 'object' || value === null) throw wrongOption(option, 'an object', value);
  for (const method of methods) {
    if (typeof (value as Readonly<Record<string, unknown>>)[method] === 'function') continue;
    throw new ConfigurationError(option, `Expected \`${option}\` to have a method \`${method}\`.`);
  }
}
