import { inspect } from 'node:util';

const BRAND: unique symbol = Symbol.for('certyo-cdc.secret');
const REDACTED = '[redacted]';

/** A text that no log line, error or inspector prints. `reveal()` is the only way to it. */
export interface Secret {
  /** The text itself. Call it where it is used, and keep no copy. */
  reveal(): string;
  /** `[redacted]`. */
  toString(): string;
  /** `[redacted]`. */
  toJSON(): string;
}

class SecretText implements Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    Object.defineProperty(this, BRAND, { value: true, enumerable: false });
    Object.freeze(this);
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.toPrimitive](): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/** Wraps a text so that printing, inspecting or serialising it gives `[redacted]`. */
export function secret(text: string): Secret {
  return new SecretText(text);
}

/** True for what `secret()` made, also in another copy of the library. */
export function isSecret(value: unknown): value is Secret {
  return typeof value === 'object' && value !== null && BRAND in value;
}
