/**
 * A JSON value kept as the text it was sent as, so that no digit, escape, key order or duplicate key is lost.
 *
 * Node 20 has no source access in `JSON.parse`, hence a scanner of our own.
 */
export class RawJson {
  /** The value as it was sent, without the whitespace around it. */
  readonly text: string;
  readonly #hasWhitespace: boolean;

  constructor(text: string, hasWhitespace: boolean) {
    this.text = text;
    this.#hasWhitespace = hasWhitespace;
  }

  get isObject(): boolean {
    return this.text.startsWith('{');
  }

  /** `text` with the whitespace between its tokens removed and every token kept verbatim. */
  get canonical(): string {
    return this.#hasWhitespace ? removeWhitespace(this.text) : this.text;
  }
}

/** What `parseJson` gives: plain JSON values, and `RawJson` where the caller asked for text. */
export type JsonInput =
  | null
  | boolean
  | number
  | string
  | RawJson
  | JsonInput[]
  | { [name: string]: JsonInput };

/** The text is not JSON. The message names the position and never quotes the text. */
export class JsonSyntaxError extends SyntaxError {
  override readonly name = 'JsonSyntaxError' as const;
  readonly position: number;

  constructor(what: string, position: number) {
    super(`${what} at position ${position}`);
    this.position = position;
  }
}

const MAX_ENVELOPE_DEPTH = 200;
const NO_NAMES: ReadonlySet<string> = new Set();

/**
 * Parses strict JSON like `JSON.parse`, except that the value of every member named in `rawNames` is a `RawJson`.
 *
 * Accepts and refuses the same texts as `JSON.parse`, but nests no deeper than 200 outside raw values (inside them
 * there is no limit).
 *
 * @throws JsonSyntaxError
 */
export function parseJson(text: string, rawNames: ReadonlySet<string> = NO_NAMES): JsonInput {
  const scanner = new JsonScanner(text, rawNames);
  return scanner.document();
}

/** Removes the whitespace between the tokens of valid JSON text. */
export function removeWhitespace(text: string): string {
  let result = '';
  let kept = 0;
  let position = 0;
  while (position < text.length) {
    const code = text.charCodeAt(position);
    if (code === QUOTE) {
      position = endOfString(text, position);
    } else if (isWhitespace(code)) {
      result += text.slice(kept, position);
      do position += 1;
      while (position < text.length && isWhitespace(text.charCodeAt(position)));
      kept = position;
    } else {
      position += 1;
    }
  }
  return kept === 0 ? text : result + text.slice(kept);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;

function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isHexDigit(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}

function isEscapable(code: number): boolean {
  // " / \ b f n r t
  return (
    code === QUOTE ||
    code === 0x2f ||
    code === BACKSLASH ||
    code === 0x62 ||
    code === 0x66 ||
    code === 0x6e ||
    code === 0x72 ||
    code === 0x74
  );
}

/** Where the string that begins at `start` ends; `start` is its opening quote. */
function endOfString(text: string, start: number): number {
  let position = start + 1;
  for (;;) {
    const code = text.charCodeAt(position);
    if (code === QUOTE) return position + 1;
    if (code === BACKSLASH) {
      const escaped = text.charCodeAt(position + 1);
      if (escaped === 0x75) {
        for (let digit = 2; digit < 6; digit += 1) {
          if (!isHexDigit(text.charCodeAt(position + digit))) {
            throw new JsonSyntaxError('Invalid \\u escape', position);
          }
        }
        position += 6;
      } else if (isEscapable(escaped)) {
        position += 2;
      } else {
        throw new JsonSyntaxError('Invalid escape', position);
      }
    } else if (code >= 0x20) {
      position += 1;
    } else if (position >= text.length) {
      throw new JsonSyntaxError('Unterminated string', start);
    } else {
      throw new JsonSyntaxError('Control character in a string', position);
    }
  }
}

class JsonScanner {
  readonly #text: string;
  readonly #rawNames: ReadonlySet<string>;
  #position = 0;
  #depth = 0;
  #sawWhitespace = false;

  constructor(text: string, rawNames: ReadonlySet<string>) {
    this.#text = text;
    this.#rawNames = rawNames;
  }

  document(): JsonInput {
    this.#skipWhitespace();
    const value = this.#value();
    this.#skipWhitespace();
    if (this.#position < this.#text.length) this.#fail();
    return value;
  }

  #fail(): never {
    throw new JsonSyntaxError(
      this.#position >= this.#text.length ? 'Unexpected end' : 'Unexpected character',
      this.#position,
    );
  }

  #skipWhitespace(): void {
    const start = this.#position;
    let position = start;
    while (isWhitespace(this.#text.charCodeAt(position))) position += 1;
    if (position !== start) {
      this.#position = position;
      this.#sawWhitespace = true;
    }
  }

  #expect(code: number): void {
    if (this.#text.charCodeAt(this.#position) !== code) this.#fail();
    this.#position += 1;
  }

  #value(): JsonInput {
    const code = this.#text.charCodeAt(this.#position);
    if (code === QUOTE) return this.#string();
    if (code === OPEN_BRACE) return this.#nested(() => this.#object());
    if (code === OPEN_BRACKET) return this.#nested(() => this.#array());
    const start = this.#position;
    this.#skipScalar(code);
    const token = this.#text.slice(start, this.#position);
    if (token === 'null') return null;
    if (token === 'true') return true;
    if (token === 'false') return false;
    return Number(token);
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_ENVELOPE_DEPTH) {
      throw new JsonSyntaxError('Nested too deeply', this.#position);
    }
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #string(): string {
    const start = this.#position;
    const end = endOfString(this.#text, start);
    this.#position = end;
    const content = this.#text.slice(start + 1, end - 1);
    return content.includes('\\') ? (JSON.parse(this.#text.slice(start, end)) as string) : content;
  }

  #object(): { [name: string]: JsonInput } {
    const object: { [name: string]: JsonInput } = {};
    this.#position += 1;
    this.#skipWhitespace();
    if (this.#text.charCodeAt(this.#position) === CLOSE_BRACE) {
      this.#position += 1;
      return object;
    }
    for (;;) {
      if (this.#text.charCodeAt(this.#position) !== QUOTE) this.#fail();
      const name = this.#string();
      this.#skipWhitespace();
      this.#expect(COLON);
      this.#skipWhitespace();
      const value = this.#rawNames.has(name) ? this.#raw() : this.#value();
      if (name === '__proto__') {
        // An assignment would set the prototype.
        Object.defineProperty(object, name, {
          value,
          writable: true,
          enumerable: true,
          configurable: true,
        });
      } else {
        object[name] = value;
      }
      this.#skipWhitespace();
      if (this.#text.charCodeAt(this.#position) !== COMMA) break;
      this.#position += 1;
      this.#skipWhitespace();
    }
    this.#expect(CLOSE_BRACE);
    return object;
  }

  #array(): JsonInput[] {
    const array: JsonInput[] = [];
    this.#position += 1;
    this.#skipWhitespace();
    if (this.#text.charCodeAt(this.#position) === CLOSE_BRACKET) {
      this.#position += 1;
      return array;
    }
    for (;;) {
      array.push(this.#value());
      this.#skipWhitespace();
      if (this.#text.charCodeAt(this.#position) !== COMMA) break;
      this.#position += 1;
      this.#skipWhitespace();
    }
    this.#expect(CLOSE_BRACKET);
    return array;
  }

  #raw(): RawJson {
    const start = this.#position;
    this.#sawWhitespace = false;
    this.#skipValue();
    return new RawJson(this.#text.slice(start, this.#position), this.#sawWhitespace);
  }

  /** Walks over one value of any depth without recursion and checks its syntax. */
  #skipValue(): void {
    /** True: an object is open at this depth; false: an array. */
    const open: boolean[] = [];
    for (;;) {
      const code = this.#text.charCodeAt(this.#position);
      if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        const isObject = code === OPEN_BRACE;
        this.#position += 1;
        this.#skipWhitespace();
        const close = isObject ? CLOSE_BRACE : CLOSE_BRACKET;
        if (this.#text.charCodeAt(this.#position) !== close) {
          open.push(isObject);
          if (isObject) this.#skipName();
          continue;
        }
        this.#position += 1;
      } else if (code === QUOTE) {
        this.#position = endOfString(this.#text, this.#position);
      } else {
        this.#skipScalar(code);
      }
      if (!this.#skipToNextValue(open)) return;
    }
  }

  /** After a value: closes what ends here. False when the outermost value has ended. */
  #skipToNextValue(open: boolean[]): boolean {
    for (;;) {
      const isObject = open.at(-1);
      if (isObject === undefined) return false;
      this.#skipWhitespace();
      const code = this.#text.charCodeAt(this.#position);
      if (code === COMMA) {
        this.#position += 1;
        this.#skipWhitespace();
        if (isObject) this.#skipName();
        return true;
      }
      this.#expect(isObject ? CLOSE_BRACE : CLOSE_BRACKET);
      open.pop();
    }
  }

  #skipName(): void {
    if (this.#text.charCodeAt(this.#position) !== QUOTE) this.#fail();
    this.#position = endOfString(this.#text, this.#position);
    this.#skipWhitespace();
    this.#expect(COLON);
    this.#skipWhitespace();
  }

  #skipScalar(code: number): void {
    if (code === 0x74) this.#skipWord('true');
    else if (code === 0x66) this.#skipWord('false');
    else if (code === 0x6e) this.#skipWord('null');
    else this.#skipNumber();
  }

  #skipWord(word: string): void {
    if (!this.#text.startsWith(word, this.#position)) this.#fail();
    this.#position += word.length;
  }

  #skipNumber(): void {
    const text = this.#text;
    if (text.charCodeAt(this.#position) === MINUS) this.#position += 1;
    if (text.charCodeAt(this.#position) === ZERO) this.#position += 1;
    else this.#skipDigits();
    if (text.charCodeAt(this.#position) === 0x2e) {
      this.#position += 1;
      this.#skipDigits();
    }
    const exponent = text.charCodeAt(this.#position);
    if (exponent === 0x65 || exponent === 0x45) {
      this.#position += 1;
      const sign = text.charCodeAt(this.#position);
      if (sign === 0x2b || sign === MINUS) this.#position += 1;
      this.#skipDigits();
    }
  }

  #skipDigits(): void {
    let position = this.#position;
    while (isDigit(this.#text.charCodeAt(position))) position += 1;
    if (position === this.#position) this.#fail();
    this.#position = position;
  }
}
