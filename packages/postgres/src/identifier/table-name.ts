import { ConfigurationError } from '@certyo-cdc/core';

import { qualifiedName, type QualifiedName } from './quote.ts';

/** A table as users name it: `'orders'` (schema `public`), `'sales.orders'`, `'"Sales"."Order"'`, or an object. */
export type TableName = string | { readonly schema?: string | undefined; readonly name: string };

/**
 * Reads a table's name as SQL does: unquoted parts are folded to lower case, quoted ones are taken as they are. An
 * object's members are taken as they are. The schema is `public` where none is given.
 */
export function parseTableName(table: TableName, option = 'tables'): QualifiedName {
  const parsed = typeof table === 'string' ? parseText(table, option) : fromObject(table, option);
  qualifiedName(parsed);
  return parsed;
}

function fromObject(table: unknown, option: string): QualifiedName {
  if (typeof table === 'object' && table !== null) {
    const { schema = 'public', name } = table as {
      readonly schema?: unknown;
      readonly name?: unknown;
    };
    if (typeof schema === 'string' && typeof name === 'string') return { schema, name };
  }
  throw new ConfigurationError(
    option,
    `Expected \`${option}\` to hold names like \`schema.table\`.`,
  );
}

/** `[^\W\d]` would leave out letters beyond ASCII, which SQL allows unquoted. */
const PART = /"(?<quoted>(?:[^"]|"")+)"|(?<plain>[\p{L}_][\p{L}\p{N}_$]*)/uy;

function parseText(text: string, option: string): QualifiedName {
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    PART.lastIndex = at;
    const groups = PART.exec(text)?.groups;
    if (groups === undefined) throw unreadable(text, option);
    at = PART.lastIndex;
    parts.push(groups['quoted']?.replaceAll('""', '"') ?? foldCase(groups['plain'] ?? ''));
    if (at === text.length) break;
    if (text[at] !== '.') throw unreadable(text, option);
    at += 1;
  }
  const [first, second] = parts;
  if (first === undefined || parts.length > 2) throw unreadable(text, option);
  return second === undefined ? { schema: 'public', name: first } : { schema: first, name: second };
}

/** The server folds ASCII only in a multi-byte encoding. */
function foldCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function unreadable(text: string, option: string): ConfigurationError {
  return new ConfigurationError(
    option,
    `Expected \`${option}\` to hold names like \`schema.table\`, got ${JSON.stringify(text.slice(0, 80))}.`,
    { remedy: 'Quote parts that are not plain names: "My Schema"."My.Table".' },
  );
}
