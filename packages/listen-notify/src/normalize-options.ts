import { MAX_TIMER_MS, OptionReader } from '@certyo-cdc/core/internal';
import {
  normalizeSourceOptions,
  type QualifiedName,
  readObjectName,
  readRecordKeys,
  readTables,
  type RecordKeys,
  REPLACED_KINDS,
  type ReplacedKind,
  type SourceSettings,
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
export interface DurableSettings extends SourceSettings {
  /** The log's table; functions, sequence and the like carry its name with a suffix. */
  readonly log: string;
  readonly tables: readonly QualifiedName[];
  readonly name: string;
  readonly keys: RecordKeys;
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
}

/** Reads the options strictly. Throws `ConfigurationError`; touches neither network nor files. */
export function normalizeDurableOptions(options: DurableSourceOptions): DurableSettings {
  const reader = new OptionReader('', options, OPTIONS);
  reader.oneOf('mode', ['durable'], 'durable');
  const common = normalizeSourceOptions(reader, options, REPLACEABLE);
  const log = readObjectName(reader, 'log', 'change_log');
  const tables = readTables(reader.value('tables'), common.stateSchema);
  return Object.freeze({
    ...common,
    log,
    tables,
    name: reader.text('name', log),
    keys: readRecordKeys(reader.value('keys'), tables),
    copy: reader.flag('copy'),
    ddl: reader.flag('ddl'),
    doorbell: options.doorbell === false ? false : reader.oneOf('doorbell', DOORBELLS, 'armed'),
    groupMs: reader.positiveIntegerOrFalse('groupMs', 10, MAX_TIMER_MS),
    sweepMs: reader.positiveInteger('sweepMs', 5_000, MAX_TIMER_MS),
    intervalMs: reader.bounds('intervalMs', ['min', 'max'], [50, 1_000]),
    maxBatchRows: reader.positiveInteger('maxBatchRows', 1_000, 100_000),
    maxBatchBytes: reader.positiveInteger('maxBatchBytes', 4 * 1024 * 1024, 2 ** 30),
    pruneIntervalMs: reader.positiveIntegerOrFalse('pruneIntervalMs', 1_000, MAX_TIMER_MS),
    leaseMs: reader.positiveInteger('leaseMs', 15_000, MAX_TIMER_MS),
    leaseWaitMs: reader.positiveIntegerOrFalse('leaseWaitMs', 60_000),
    deadAfterMs: reader.positiveIntegerOrFalse('deadAfterMs', 15_000, MAX_TIMER_MS),
  });
}
