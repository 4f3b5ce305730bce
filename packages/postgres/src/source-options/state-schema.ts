import type { OptionReader } from '@certyo-cdc/core/internal';

import { quoteIdentifier } from '../identifier/quote.ts';
import { DEFAULT_SCHEMA } from '../setup/store-session.ts';

/** Reads the option `stateSchema`. */
export function readStateSchema(reader: OptionReader): string {
  const schema = reader.text('stateSchema', DEFAULT_SCHEMA);
  quoteIdentifier(schema);
  return schema;
}

/** True for the schemas in which this library keeps its state: tables of them are never captured. */
export function isStateSchema(schema: string, stateSchema: string): boolean {
  return schema === DEFAULT_SCHEMA || schema === stateSchema;
}
