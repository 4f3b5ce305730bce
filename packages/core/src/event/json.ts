/** Any JSON value; every PostgreSQL value is handed over as one (see the table in `docs/values.md`). */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | JsonNumber
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** A row as plain JSON values, by column name. Rows have no prototype. */
export type JsonRow = Readonly<Record<string, JsonValue>>;

const BRAND: unique symbol = Symbol.for('certyo-cdc.json-number');

/**
 * A number inside `json` or `jsonb` that a JavaScript number cannot hold exactly.
 *
 * `text` is the number as PostgreSQL wrote it. `canonicalJson` writes it verbatim; `JSON.stringify` writes it as a
 * string, because it cannot write a number it cannot hold.
 */
export class JsonNumber {
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** True for a `JsonNumber`, also for one of another copy of the library. */
  static is(value: unknown): value is JsonNumber {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  toJSON(): string {
    return this.text;
  }

  toString(): string {
    return this.text;
  }
}
