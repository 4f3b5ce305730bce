import { ConfigurationError } from '@certyo-cdc/core';
import { MAX_TIMER_MS, OptionReader } from '@certyo-cdc/core/internal';
import {
  normalizeSourceOptions,
  type QualifiedName,
  readRecordKeys,
  readTables,
  type RecordKeys,
  REPLACED_KINDS,
  type ReplacedKind,
  type SourceSettings,
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
export interface ReplicationSettings extends SourceSettings {
  readonly tables: readonly QualifiedName[];
  readonly name: string;
  readonly slot: string;
  readonly publication: string;
  readonly keys: RecordKeys;
  readonly includeGenerated: boolean;
  readonly slotWaitMs: number | false;
  readonly statusIntervalMs: number;
  readonly deadAfterMs: number | false;
  readonly maxBufferedBytes: number;
  readonly maxMessageBytes: number;
}

/** Reads the options strictly. Throws `ConfigurationError`; touches neither network nor files. */
export function normalizeReplicationOptions(
  options: ReplicationSourceOptions,
): ReplicationSettings {
  const reader = new OptionReader('', options, OPTIONS);
  const common = normalizeSourceOptions(reader, options, REPLACEABLE);
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
  const tables = readTables(reader.value('tables'), common.stateSchema);
  return Object.freeze({
    ...common,
    tables,
    name: reader.text('name', slot),
    slot,
    publication,
    keys: readRecordKeys(reader.value('keys'), tables),
    includeGenerated: reader.flag('includeGenerated'),
    slotWaitMs: reader.positiveIntegerOrFalse('slotWaitMs', 60_000),
    statusIntervalMs: reader.positive('statusIntervalMs', 5_000, MAX_TIMER_MS),
    deadAfterMs: reader.positiveIntegerOrFalse('deadAfterMs', 15_000, MAX_TIMER_MS),
    maxBufferedBytes: reader.positiveInteger('maxBufferedBytes', 1024 * 1024),
    maxMessageBytes: reader.positiveInteger('maxMessageBytes', 256 * 1024 * 1024, 2 ** 30),
  });
}
