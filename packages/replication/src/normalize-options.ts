import { ConfigurationError } from '@certyo-cdc/core';
import { MAX_TIMER_MS, OptionReader, tableLabel, wrongOption } from '@certyo-cdc/core/internal';
import {
  parseTableName,
  REPLACED_KINDS,
  type ReplacedKind,
  type QualifiedName,
  resolveConnection,
  type ResolvedConnection,
} from '@certyo-cdc/postgres';
import type { ReplicationSourceOptions } from './options.ts';

const OPTIONS = [
  'connection',
  'tables',
  'name',
  'slot',
  'publication',
  'keys',
  'includeGenerated',
  'acceptTables',
  'replaces',
  'stateSchema',
  'stateConnection',
  'checkpoints',
  'deadLetters',
  'slotWaitMs',
  'statusIntervalMs',
  'deadAfterMs',
  'maxBufferedBytes',
  'maxMessageBytes',
  'reconnect',
  'env',
] as const satisfies readonly (keyof ReplicationSourceOptions)[];

const REPLACEABLE: readonly ReplacedKind[] = REPLACED_KINDS.filter(
  (kind) => kind !== 'replication',
);

/** Options as settled. */
export interface ReplicationSettings {
  readonly connection: ResolvedConnection;
  readonly stateConnection: ResolvedConnection;
  readonly stateSchema: string;
  readonly tables: readonly QualifiedName[];
  readonly name: string;
  readonly slot: string;
  readonly publication: string;
  readonly keys: Readonly<Record<string, readonly string[]>>;
  readonly includeGenerated: boolean;
  readonly acceptTables: boolean;
  readonly replaces: ReplacedKind | null;
  readonly slotWaitMs: number | false;
  readonly statusIntervalMs: number;
  readonly deadAfterMs: number | false;
  readonly maxBufferedBytes: number;
  readonly maxMessageBytes: number;
  readonly reconnect: { readonly minDelayMs: number; readonly maxDelayMs: number };
}

/** Reads the options strictly. Throws `ConfigurationError`; touches neither network nor files. */
export function normalizeReplicationOptions(
  options: ReplicationSourceOptions,
): ReplicationSettings {
  const reader = new OptionReader('', options, OPTIONS);
  const env = options.env ?? process.env;
  const connection = resolveConnection(options.connection, env);
  const slot = reader.text('slot', 'certyo_cdc');
  if (!/^[a-z0-9_]{1,63}$/.test(slot)) {
    throw new ConfigurationError(
      'slot',
      'Expected `slot` to hold only lower-case letters, digits and underscores, at most 63.',
    );
  }
  const publication = reader.text('publication', 'certyo_cdc');
  if (Buffer.byteLength(publication) > 63) {
    throw new ConfigurationError(
      'publication',
      'Expected `publication` to be a name of at most 63 bytes.',
    );
  }
  reader.assertMethods('checkpoints', ['load', 'save', 'close']);
  reader.assertMethods('deadLetters', ['park', 'lanes', 'list', 'remove', 'close']);
  const reconnect = reader.nested('reconnect', ['minDelayMs', 'maxDelayMs']);
  const minDelayMs = reconnect.positive('minDelayMs', 100, MAX_TIMER_MS);
  const maxDelayMs = reconnect.positive('maxDelayMs', Math.max(10_000, minDelayMs), MAX_TIMER_MS);
  if (maxDelayMs < minDelayMs) {
    throw new ConfigurationError(
      'reconnect.maxDelayMs',
      `Expected \`reconnect.maxDelayMs\` to be at least \`reconnect.minDelayMs\` (${minDelayMs}), got \`${maxDelayMs}\`.`,
    );
  }
  const stateSchema = reader.text('stateSchema', 'certyo');
  const listed = tables(reader.value('tables'), stateSchema);
  return Object.freeze({
    connection,
    stateConnection:
      options.stateConnection === undefined
        ? connection
        : resolveConnection(options.stateConnection, env),
    stateSchema,
    tables: listed,
    name: reader.text('name', slot),
    slot,
    publication,
    keys: keys(reader.value('keys'), listed),
    includeGenerated: reader.flag('includeGenerated'),
    acceptTables: reader.flag('acceptTables'),
    replaces:
      options.replaces === undefined ? null : reader.oneOf('replaces', REPLACEABLE, 'polling'),
    slotWaitMs: reader.positiveIntegerOrFalse('slotWaitMs', 60_000),
    statusIntervalMs: reader.positive('statusIntervalMs', 5_000, MAX_TIMER_MS),
    deadAfterMs: reader.positiveIntegerOrFalse('deadAfterMs', 15_000, MAX_TIMER_MS),
    maxBufferedBytes: reader.positiveInteger('maxBufferedBytes', 1024 * 1024),
    maxMessageBytes: reader.positiveInteger('maxMessageBytes', 256 * 1024 * 1024, 2 ** 30),
    reconnect: { minDelayMs, maxDelayMs },
  });
}

function tables(value: unknown, stateSchema: string): readonly QualifiedName[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new ConfigurationError(
      'tables',
      'Expected `tables` to be a list of at least one table.',
      {
        remedy: "For example: tables: ['public.orders'].",
      },
    );
  }
  const parsed = (value as ReplicationSourceOptions['tables']).map((table) =>
    parseTableName(table),
  );
  const seen = new Set<string>();
  for (const table of parsed) {
    const text = tableLabel(table);
    if (table.schema === 'certyo' || table.schema === stateSchema) {
      throw new ConfigurationError(
        'tables',
        `The table ${text} is in the schema ${table.schema}, which holds the library's own state and is never captured.`,
      );
    }
    if (seen.has(text)) {
      throw new ConfigurationError('tables', `The table ${text} stands twice in \`tables\`.`);
    }
    seen.add(text);
  }
  return parsed;
}

function keys(
  value: unknown,
  listed: readonly QualifiedName[],
): Readonly<Record<string, readonly string[]>> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongOption('keys', 'an object of column lists by table', value);
  }
  const normalized: Record<string, readonly string[]> = {};
  for (const [table, columns] of Object.entries(value)) {
    const named = parseTableName(table, 'keys');
    const label = tableLabel(named);
    if (!listed.some((one) => tableLabel(one) === label)) {
      throw new ConfigurationError(
        `keys['${table}']`,
        `The option keys['${table}'] names the table ${label}, which \`tables\` does not list.`,
      );
    }
    const isList =
      Array.isArray(columns) &&
      columns.length > 0 &&
      columns.every((column) => typeof column === 'string' && column !== '');
    if (!isList) {
      throw new ConfigurationError(
        `keys['${table}']`,
        `Expected \`keys['${table}']\` to be a list of column names.`,
      );
    }
    normalized[label] = columns as readonly string[];
  }
  return normalized;
}
