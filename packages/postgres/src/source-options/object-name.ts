import { ConfigurationError } from '@certyo-cdc/core';
import type { OptionReader } from '@certyo-cdc/core/internal';

/** Reads an option that becomes part of the names of what `setup()` makes: suffixes have to find room in 63 bytes. */
export function readObjectName(reader: OptionReader, option: string, fallback: string): string {
  const name = reader.text(option, fallback);
  if (/^[a-z_][a-z0-9_]{0,39}$/.test(name)) return name;
  throw new ConfigurationError(
    option,
    `Expected \`${option}\` to hold only lower-case letters, digits and underscores, at most 40, and not to begin with a digit.`,
  );
}
