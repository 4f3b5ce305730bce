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

/**
 * A number inside `json` or `jsonb` that a JavaScript number cannot hold exactly.
 *
 * `text` is the number as PostgreSQL wrote it. `canonicalJson` writes it verbatim; `JSON.stringify` writes it as a
 * string, because it cannot write a number it cannot hold.
 */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toJSON(): string {
    return this.text;
  }

  toString(): string {
    return this.text;
  }
}
