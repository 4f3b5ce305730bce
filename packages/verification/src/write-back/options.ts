import { ConfigurationError, type PipelineTime, type RecordName } from '@certyo-cdc/core';
import type { ColumnPolicies, RecordMapper } from '@certyo-cdc/core';
import {
  type DraftRules,
  draftRules,
  MAX_TIMER_MS,
  OptionReader,
  SYSTEM_TIME,
  tableLabel,
  wrongOption,
} from '@certyo-cdc/core/internal';
import {
  type NormalizedStoreOptions,
  normalizePostgresStoreOptions,
  type PostgresStoreOptions,
  type QualifiedName,
  type RecordKeys,
  readRecordKeys,
  readTables,
} from '@certyo-cdc/postgres';

import { ledgerOf } from '../receipts/ledger-registry.ts';
import type { NormalizedReceiptStoreOptions } from '../receipts/options.ts';
import type { PostgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import type { WriteBackEvent } from './events.ts';
import { normalizeSources, type NormalizedSource, type WriteBackSource } from './protection.ts';
import {
  namesOf,
  normalizeStatusColumns,
  type StatusColumnOptions,
  type StatusColumns,
} from './status-columns.ts';

/** How records are made of rows: what `certyoSink` was given. */
export interface MappingOptions {
  readonly database?: string | undefined;
  readonly mapper?: RecordMapper | undefined;
  readonly columns?: ColumnPolicies | undefined;
}

/** What writes into columns has in common. */
export interface ColumnTargetOptions extends PostgresStoreOptions {
  /** Tables into whose columns statuses are written. */
  readonly tables?: readonly (string | QualifiedName)[] | undefined;
  /** Columns that name a record, where it is not the primary key. */
  readonly keys?: RecordKeys | undefined;
  readonly columns?: StatusColumnOptions | undefined;
  /** What `certyoSink` was given, so that rows can be compared with what was sent. */
  readonly mapping?: MappingOptions | undefined;
  /**
   * Rows that are written in one transaction.
   *
   * @default 100
   */
  readonly batchSize?: number | undefined;
  /**
   * Longest wait for a lock on a table, milliseconds, 10,000 at most. Rows that are locked are never waited for.
   *
   * @default 500
   */
  readonly lockTimeoutMs?: number | undefined;
  /** Clock and timers. @default those of the process */
  readonly time?: PipelineTime | undefined;
}

/** Options of `createWriteBack`. `connection`, `pool` and `schema` say where the captured tables and the side table are. */
export interface WriteBackOptions extends ColumnTargetOptions {
  /** What `postgresReceiptStore()` returned. */
  readonly receipts: PostgresReceiptStore;
  /**
   * Where statuses go: into the table `row_status`, into columns of the rows, or both.
   *
   * @default 'side-table'
   */
  readonly into?: 'side-table' | 'columns' | 'both' | undefined;
  /** What captures the tables; needed for columns, because it decides what keeps write-back from being captured. */
  readonly source?: WriteBackSource | readonly WriteBackSource[] | undefined;
  /**
   * The key of the row that a record is of, texts in the order of the key's columns; null for none. Needed where a mapper makes
   * record ids of its own.
   *
   * @default what the default mapping says
   */
  readonly keyOf?: ((record: RecordName) => readonly string[] | null) | undefined;
  /**
   * Names what is still to be written in the ledger; one for each place that is written to.
   *
   * @default 'write-back'
   */
  readonly name?: string | undefined;
  /**
   * Time between two looks at the queue, milliseconds.
   *
   * @default 1_000
   */
  readonly intervalMs?: number | undefined;
  /**
   * How often all rows whose status is not `anchored` are compared with the ledger, milliseconds; `false` for never. It finds rows
   * that came back to what was anchored without a receipt of it, which a poll does not see, and rows that were there before
   * write-back was.
   *
   * @default 3_600_000
   */
  readonly sweepIntervalMs?: number | false | undefined;
  /** Observes it. What it throws is ignored. */
  readonly onEvent?: ((event: WriteBackEvent) => void) | undefined;
}

/** The same with defaults. */
export interface ColumnTarget {
  readonly place: NormalizedStoreOptions;
  readonly tables: readonly QualifiedName[];
  readonly keys: RecordKeys;
  readonly status: StatusColumns;
  readonly rules: DraftRules;
  readonly batchSize: number;
  readonly lockTimeoutMs: number;
  readonly time: PipelineTime;
}

export interface NormalizedWriteBackOptions extends ColumnTarget {
  readonly ledger: NormalizedReceiptStoreOptions;
  readonly toSideTable: boolean;
  readonly toColumns: boolean;
  readonly sources: readonly NormalizedSource[];
  readonly keyOf: ((record: RecordName) => readonly string[] | null) | null;
  readonly name: string;
  readonly intervalMs: number;
  readonly sweepIntervalMs: number | false;
  readonly onEvent: ((event: WriteBackEvent) => void) | null;
}

const PLACE_NAMES = ['connection', 'pool', 'schema'] as const;
export const TARGET_NAMES: readonly string[] = [
  ...PLACE_NAMES,
  'tables',
  'keys',
  'columns',
  'mapping',
  'batchSize',
  'lockTimeoutMs',
  'time',
];
const OWN_NAMES = [
  'receipts',
  'into',
  'source',
  'keyOf',
  'name',
  'intervalMs',
  'sweepIntervalMs',
  'onEvent',
] as const;
const MOST_ROWS = 1_000;
/** Entries of the queue are held meanwhile. */
const LONGEST_LOCK_WAIT_MS = 10_000;

/** Checks what both kinds of write-back have. */
export function normalizeColumnTarget(
  options: ColumnTargetOptions,
  reader: OptionReader,
): ColumnTarget {
  const place = normalizePostgresStoreOptions(
    Object.fromEntries(
      PLACE_NAMES.filter((name) => options[name] !== undefined).map((name) => [
        name,
        options[name],
      ]),
    ),
  );
  const tables = options.tables === undefined ? [] : readTables(options.tables, place.schema);
  const status = normalizeStatusColumns(options.columns);
  const mapping = reader.nested('mapping', ['database', 'mapper', 'columns']);
  reader.assertMethods('time', ['now', 'setTimeout']);
  return {
    place,
    tables,
    keys: readRecordKeys(options.keys, tables),
    status,
    rules: draftRules({
      database: mapping.value('database') as MappingOptions['database'],
      mapper: mapping.value('mapper') as MappingOptions['mapper'],
      columns: mapping.value('columns') as MappingOptions['columns'],
      statusColumns: namesOf(status),
    }),
    batchSize: reader.positiveInteger('batchSize', 100, MOST_ROWS),
    lockTimeoutMs: reader.positiveInteger('lockTimeoutMs', 500, LONGEST_LOCK_WAIT_MS),
    time: options.time ?? SYSTEM_TIME,
  };
}

/** Checks the options and fills in defaults. */
export function normalizeWriteBackOptions(options: WriteBackOptions): NormalizedWriteBackOptions {
  const reader = new OptionReader('', options, [...TARGET_NAMES, ...OWN_NAMES]);
  const ledger = ledgerOf(options.receipts);
  const into = reader.oneOf('into', ['side-table', 'columns', 'both'] as const, 'side-table');
  for (const name of ['keyOf', 'onEvent']) reader.assertFunction(name);
  const target = normalizeColumnTarget(options, reader);
  const sources = normalizeSources(options.source);
  const toColumns = into !== 'side-table';
  if (toColumns && target.tables.length === 0) {
    throw new ConfigurationError('tables', `\`into: '${into}'\` needs \`tables\`.`);
  }
  if (!toColumns && target.tables.length > 0) {
    throw new ConfigurationError('tables', "`tables` needs `into: 'columns'` or `'both'`.");
  }
  if (toColumns && sources.length === 0) {
    throw new ConfigurationError(
      'source',
      `\`into: '${into}'\` needs \`source\`: what captures the tables, or write-back would be captured too.`,
    );
  }
  const usesOrigin = sources.some(({ kind, origin }) => kind === 'replication' && origin);
  if (usesOrigin && options.pool !== undefined) {
    throw wrongOption(
      'pool',
      'a `connection` instead, because an origin belongs to a session',
      'pool',
    );
  }
  return {
    ...target,
    ledger,
    toSideTable: into !== 'columns',
    toColumns,
    sources,
    keyOf: options.keyOf ?? null,
    name: reader.text('name', 'write-back'),
    intervalMs: reader.positive('intervalMs', 1_000, MAX_TIMER_MS),
    sweepIntervalMs: reader.positiveIntegerOrFalse('sweepIntervalMs', 3_600_000, MAX_TIMER_MS),
    onEvent: options.onEvent ?? null,
  };
}

/** Columns of the key of a table, where it is not the primary one. */
export function keyOfTable(keys: RecordKeys, table: QualifiedName): readonly string[] | undefined {
  return keys[tableLabel(table)];
}
