import { ConfigurationError } from '../errors/configuration-error.ts';
import { ValueError } from '../errors/value-error.ts';
import { JsonNumber, type JsonValue } from '../event/json.ts';
import { isExactNumber } from './internal/exact-number.ts';
import { notJson, scanScalar, scanString, skipWhitespace } from './internal/json-scanner.ts';

/** Options of `parseJson`. */
export interface ParseJsonOptions {
  /**
   * Most objects and arrays inside one another, 1 to 1000.
   *
   * @default 64
   */
  readonly maxDepth?: number | undefined;
}

/**
 * Parses JSON without losing a digit: a number that a JavaScript number cannot hold exactly becomes a `JsonNumber`.
 *
 * Objects have no prototype, so `__proto__` is a key like any other. Of duplicate keys the last one wins.
 *
 * @throws ValueError when the text is not one JSON value by RFC 8259, or is deeper than `maxDepth`.
 */
export function parseJson(text: string, options: ParseJsonOptions = {}): JsonValue {
  const maxDepth = options.maxDepth ?? 64;
  if (!Number.isInteger(maxDepth) || maxDepth < 1 || maxDepth > 1000) {
    throw new ConfigurationError(
      'maxDepth',
      `Expected \`maxDepth\` to be an integer from 1 to 1000, got \`${String(maxDepth)}\` (${typeof maxDepth})`,
    );
  }
  let offset = 0;

  function next(): string {
    offset = skipWhitespace(text, offset);
    return text.charAt(offset);
  }

  function value(depth: number): JsonValue {
    const first = next();
    if (first === '{' || first === '[') {
      if (depth === maxDepth) {
        throw new ValueError(
          null,
          `Expected JSON of at most ${maxDepth} levels, got a deeper one.`,
        );
      }
      offset += 1;
      return first === '{' ? object(depth + 1) : array(depth + 1);
    }
    const start = offset;
    offset = scanScalar(text, start);
    if (first === 't') return true;
    if (first === 'f') return false;
    if (first === 'n') return null;
    const token = text.slice(start, offset);
    return first === '"' ? unquote(token) : number(token);
  }

  function object(depth: number): JsonValue {
    const members: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>;
    if (next() === '}') {
      offset += 1;
      return members;
    }
    for (;;) {
      if (next() !== '"') throw notJson(offset);
      const start = offset;
      offset = scanString(text, start);
      const name = unquote(text.slice(start, offset));
      if (next() !== ':') throw notJson(offset);
      offset += 1;
      members[name] = value(depth);
      if (endOfMember('}')) return members;
    }
  }

  function array(depth: number): JsonValue {
    const elements: JsonValue[] = [];
    if (next() === ']') {
      offset += 1;
      return elements;
    }
    for (;;) {
      elements.push(value(depth));
      if (endOfMember(']')) return elements;
    }
  }

  function endOfMember(close: string): boolean {
    const separator = next();
    if (separator !== ',' && separator !== close) throw notJson(offset);
    offset += 1;
    return separator === close;
  }

  const result = value(0);
  if (next() !== '') throw notJson(offset);
  return result;
}

function unquote(token: string): string {
  // The token has been scanned, so this cannot throw.
  return token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
}

function number(token: string): number | JsonNumber {
  const parsed = Number(token);
  return isExactNumber(token, parsed) ? parsed : new JsonNumber(token);
}
