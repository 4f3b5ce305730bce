import { ConfigurationError } from '@certyo-cdc/core';
import { MAX_TIMER_MS, OptionReader, tableLabel, wrongOption } from '@certyo-cdc/core/internal';
import {
  parseTableName,
  type QualifiedName,
  quoteIdentifier,
  REPLACED_KINDS,
  type ReplacedKind,
  resolveConnection,
  type ResolvedConnection,
} from '@certyo-cdc/postgres';
import { type Doorbell, DOORBELLS, type DurableSourceOptions } from './options.ts';

const OPTIONS = [
  'mode',
  'connection',
  'tables',
  'name',
  'log',
  'keys',
  'acceptTables',
  'replaces',
  'copy',
  'ddl',
  'doorbell',
  'groupMs',
  'sweepMs',
  'intervalMs',
  'maxBatchRows',
  'maxBatchBytes',
  'pruneIntervalMs',
  'leaseMs',
  'leaseWaitMs',
  'deadAfterMs',
  'reconnect',
  'stateSchema',
  'stateConnection',
  'checkpoints',
  'deadLetters',
  'env',
] as const satisfies readonly (keyof DurableSourceOptions)[];

const REPLACEABLE: readonly ReplacedKind[] = REPLACED_KINDS.filter(
  (kind) => kind !== 'listen-notify',
);

/** Options as settled. */
export interface DurableSettings {
  readonly connection: ResolvedConnection;
  readonly stateConnection: ResolvedConnection;
  readonly stateSchema: string;
  /** The log's table; functions, sequence and the like carry its name with a suffix. */
  readonly log: string;
  readonly tables: readonly QualifiedName[];
  readonly name: string;
  /** By table label. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  readonly acceptTables: boolean;
  readonly replaces: ReplacedKind | null;
  readonly copy: boolean;
  readonly ddl: boolean;
  readonly doorbell: Doorbell | false;
  readonly groupMs: number | false;
  readonly sweepMs: number;
  readonly intervalMs: { readonly min: number; readonly max: number };
  readonly maxBatchRows: number;
  readonly maxBatchBytes: number;
  readonly pruneIntervalMs: number | false;
  readonly leaseMs: number;
  readonly leaseWaitMs: number | false;
  readonly deadAfterMs: number | false;
  readonly reconnect: { readonly minDelayMs: number; readonly maxDelayMs: number };
}

/** Reads the options strictly. Throws `ConfigurationError`; touches neither network nor files. */
export function normalizeDurableOptions(options: DurableSourceOptions): DurableSettings {
  const reader = new OptionReader('', options, OPTIONS);
  reader.oneOf('mode', ['durable'], 'durable');
  const env = options.env ?? process.env;
  const connection = resolveConnection(options.connection, env);
  const log = reader.text('log', 'change_log');
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(log)) {
    throw new ConfigurationError(
      'log',
      'Expected `log` to hold only lower-case letters, digits and underscores, at most 40, and not to begin with a digit.',
    );
  }
  const stateSchema = reader.text('stateSchema', 'certyo');
  quoteIdentifier(stateSchema);
  reader.assertMethods('checkpoints', ['load', 'save', 'close']);
  reader.assertMethods('deadLetters', ['park', 'lanes', 'list', 'remove', 'close']);
  const tables = listedTables(reader.value('tables'), stateSchema);
  return Object.freeze({
    connection,
    stateConnection:
      options.stateConnection === undefined
        ? connection
        : resolveConnection(options.stateConnection, env),
    stateSchema,
    log,
    tables,
    name: reader.text('name', log),
    keys: configuredKeys(reader.value('keys'), tables),
    acceptTables: reader.flag('acceptTables'),
    replaces:
      options.replaces === undefined ? null : reader.oneOf('replaces', REPLACEABLE, 'polling'),
    copy: reader.flag('copy'),
    ddl: reader.flag('ddl'),
    doorbell: options.doorbell === false ? false : reader.oneOf('doorbell', DOORBELLS, 'armed'),
    groupMs: reader.positiveIntegerOrFalse('groupMs', 10, MAX_TIMER_MS),
    sweepMs: reader.positiveInteger('sweepMs', 5_000, MAX_TIMER_MS),
    intervalMs: bounds(reader, 'intervalMs', ['min', 'max'], [50, 1_000], (min, max) => ({
      min,
      max,
    })),
    maxBatchRows: reader.positiveInteger('maxBatchRows', 1_000, 100_000),
    maxBatchBytes: reader.positiveInteger('maxBatchBytes', 4 * 1024 * 1024, 2 ** 30),
    pruneIntervalMs: reader.positiveIntegerOrFalse('pruneIntervalMs', 1_000, MAX_TIMER_MS),
    leaseMs: reader.positiveInteger('leaseMs', 15_000, MAX_TIMER_MS),
    leaseWaitMs: reader.positiveIntegerOrFalse('leaseWaitMs', 60_000),
    deadAfterMs: reader.positiveIntegerOrFalse('deadAfterMs', 15_000, MAX_TIMER_MS),
    reconnect: bounds(
      reader,
      'reconnect',
      ['minDelayMs', 'maxDelayMs'],
      [100, 10_000],
      (minDelayMs, maxDelayMs) => ({ minDelayMs, maxDelayMs }),
    ),
  });
}

function bounds<T>(
  reader: OptionReader,
  option: string,
  [least, most]: readonly [string, string],
  [leastDefault, mostDefault]: readonly [number, number],
  make: (least: number, most: number) => T,
): T {
  const nested = reader.nested(option, [least, most]);
  const min = nested.positive(least, leastDefault, MAX_TIMER_MS);
  const max = nested.positive(most, Math.max(mostDefault, min), MAX_TIMER_MS);
  if (max < min) {
    throw new ConfigurationError(
      `${option}.${most}`,
      `Expected \`${option}.${most}\` to be at least \`${option}.${least}\` (${min}), got \`${max}\`.`,
    );
  }
  return make(min, max);
}

function listedTables(value: unknown, stateSchema: string): readonly QualifiedName[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new ConfigurationError(
      'tables',
      'Expected `tables` to be a list of at least one table.',
      { remedy: "For example: tables: ['public.orders']." },
    );
  }
  const parsed = (value as DurableSourceOptions['tables']).map((table) => parseTableName(table));
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

function configuredKeys(
  value: unknown,
  listed: readonly QualifiedName[],
): Readonly<Record<string, readonly string[]>> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongOption('keys', 'an object of column lists by table', value);
  }
  const normalized: Record<string, readonly string[]> = {};
  for (const [table, columns] of Object.entries(value)) {
    const label = tableLabel(parseTableName(table, 'keys'));
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
