import { refuseText } from './internal/refuse.ts';

/** An array as text: elements are strings or null, dimensions nest. */
export type ArrayNode = string | null | readonly ArrayNode[];

const BACKSLASH = 0x5c;
const CLOSE = 0x7d;
const OPEN = 0x7b;
const QUOTE = 0x22;

/**
 * Reads what `array_out` prints, for example `{{a,"b c"},{NULL,"NULL"}}`.
 *
 * @param delimiter The element type's `typdelim` (`,` for all built-in types but box, which has `;`).
 * @returns null for an array whose lower bounds are not 1: they come before the braces, as in `[0:1]={7,8}`.
 * @see https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO
 */
export function parseArrayText(text: string, delimiter: string): readonly ArrayNode[] | null {
  if (text.charCodeAt(0) === 0x5b /* [ */) return null;
  const reader = new ArrayReader(text, delimiter.charCodeAt(0));
  return reader.read();
}

class ArrayReader {
  readonly #text: string;
  readonly #delimiter: number;
  #index = 0;

  constructor(text: string, delimiter: number) {
    this.#text = text;
    this.#delimiter = delimiter;
  }

  read(): readonly ArrayNode[] {
    if (this.#text.charCodeAt(0) !== OPEN) throw refuseText('an array');
    const nodes = this.#nested();
    if (this.#index !== this.#text.length) throw refuseText('an array');
    return nodes;
  }

  #nested(): ArrayNode[] {
    const nodes: ArrayNode[] = [];
    this.#index += 1;
    if (this.#text.charCodeAt(this.#index) === CLOSE) {
      this.#index += 1;
      return nodes;
    }
    for (;;) {
      const code = this.#text.charCodeAt(this.#index);
      if (code === OPEN) nodes.push(this.#nested());
      else if (code === QUOTE) nodes.push(this.#quoted());
      else nodes.push(this.#unquoted());
      const end = this.#text.charCodeAt(this.#index);
      this.#index += 1;
      if (end === CLOSE) return nodes;
      if (end !== this.#delimiter) throw refuseText('an array');
    }
  }

  #quoted(): string {
    const text = this.#text;
    let index = this.#index + 1;
    let start = index;
    let value = '';
    for (; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code === QUOTE) {
        this.#index = index + 1;
        return value + text.slice(start, index);
      }
      if (code === BACKSLASH) {
        value += text.slice(start, index);
        index += 1;
        start = index;
      }
    }
    throw refuseText('an array');
  }

  #unquoted(): string | null {
    const text = this.#text;
    const start = this.#index;
    let index = start;
    for (; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code === CLOSE || code === this.#delimiter) break;
      if (code === OPEN || code === QUOTE || code === BACKSLASH) throw refuseText('an array');
    }
    if (index === start) throw refuseText('an array');
    this.#index = index;
    const value = text.slice(start, index);
    return value === 'NULL' ? null : value;
  }
}
