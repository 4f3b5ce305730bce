import { ConfigurationError } from '@certyo-cdc/core';

/** Longer names are cut by the server without an error; here they are refused. */
export const MAX_IDENTIFIER_BYTES = 63;

function check(name: string): void {
  if (typeof name !== 'string' || name === '')
    throw new ConfigurationError('identifier', 'A PostgreSQL name must not be empty.');
  if (name.includes('\0'))
    throw new ConfigurationError('identifier', 'A PostgreSQL name cannot contain NUL.');
  if (/\p{Surrogate}/u.test(name))
    throw new ConfigurationError(
      'identifier',
      'A PostgreSQL name cannot contain a lone surrogate.',
    );
  if (Buffer.byteLength(name) > MAX_IDENTIFIER_BYTES)
    throw new ConfigurationError(
      'identifier',
      `The PostgreSQL name ${JSON.stringify(name.slice(0, 80))} is longer than ${String(MAX_IDENTIFIER_BYTES)} bytes.`,
    );
}

/**
 * Quotes a name for SQL: `order "x"` becomes `"order ""x"""`. Refuses the empty name, NUL, and names over 63 bytes, which
 * the server would cut.
 */
export function quoteIdentifier(name: string): string {
  check(name);
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a text for SQL, whatever `standard_conforming_strings` is. Refuses NUL. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0'))
    throw new ConfigurationError('literal', 'A PostgreSQL text cannot contain NUL.');
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** A table as `schema` and `name`, unquoted. */
export interface QualifiedName {
  readonly schema: string;
  readonly name: string;
}

/** Quotes a table's name with its schema: `"public"."orders"`. */
export function qualifiedName(table: QualifiedName): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
}
