import { ConfigurationError } from '@certyo-cdc/core';
import { MAX_TIMER_MS, OptionReader, wrongOption } from '@certyo-cdc/core/internal';
import {
  type ConnectionOptions,
  normalizeSourceOptions,
  readRecordKeys,
  type RecordKeys,
  REPLACED_KINDS,
  type ReplacedKind,
  resolveConnection,
  type ResolvedConnection,
  type SourceSettings,
} from '@certyo-cdc/postgres';
import type { Recover } from './care/recover.ts';
import type { CareThresholds } from './care/slot-warnings.ts';
import { type CopySettings, normalizeCopy } from './copy/copy-settings.ts';
import { type Decoder, DECODERS, refuseForDecoder } from './decoders/decoder.ts';
import {
  type CapturedTable,
  normalizeMessages,
  normalizeSchemas,
  normalizeTables,
} from './normalize-tables.ts';
import type { ReplicationSourceOptions } from './options.ts';

const OPTIONS = [
  'connection',
  'tables',
  'schemas',
  'partitions',
  'streaming',
  'twoPhase',
  'messages',
  'ddl',
  'decoder',
  'origin',
  'name',
  'slot',
  'publication',
  'keys',
  'includeGenerated',
  'acceptTables',
  'replaces',
  'copy',
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
  'care',
  'heartbeat',
  'takeover',
  'recover',
  'failover',
  'primary',
  'env',
] as const satisfies readonly (keyof ReplicationSourceOptions)[];

const REPLACEABLE: readonly ReplacedKind[] = REPLACED_KINDS.filter(
  (kind) => kind !== 'replication',
);

/** Where spools are kept, and how large they may become together. */
export interface SpoolSettings {
  /** The folder in which the spool's own one is made; null for the system's one for temporary files. */
  readonly directory: string | null;
  readonly maxBytes: number;
}

/** Options as settled. */
export interface ReplicationSettings extends SourceSettings {
  readonly tables: readonly CapturedTable[];
  /** All tables of these are captured, too. */
  readonly schemas: readonly string[];
  readonly partitions: 'root' | 'leaf';
  /** Transactions are taken while they are in progress. */
  readonly streaming: boolean;
  /** Where transactions in progress and prepared ones are kept until they commit. */
  readonly spool: SpoolSettings;
  readonly twoPhase: boolean;
  /** The prefixes of messages that become events; true for all. */
  readonly messages: boolean | readonly string[];
  readonly ddl: boolean;
  readonly decoder: Decoder;
  readonly origin: 'any' | 'none';
  readonly name: string;
  readonly slot: string;
  readonly publication: string;
  readonly keys: RecordKeys;
  readonly includeGenerated: boolean;
  readonly copy: CopySettings | null;
  readonly slotWaitMs: number | false;
  readonly statusIntervalMs: number;
  readonly deadAfterMs: number | false;
  readonly maxBufferedBytes: number;
  readonly maxMessageBytes: number;
  readonly care: { readonly everyMs: number; readonly thresholds: CareThresholds } | false;
  readonly heartbeat: { readonly everyMs: number } | false;
  readonly takeover: { readonly leaseMs: number } | false;
  readonly recover: Recover | null;
  readonly failover: { readonly standbys: readonly ResolvedConnection[] } | false;
  /** The option says `false`: setup makes a failover slot an ordinary one again. */
  readonly endsFailover: boolean;
  readonly primary: ResolvedConnection | null;
}

/** Reads the options strictly. Throws `ConfigurationError`; touches neither network nor files. */
export function normalizeReplicationOptions(
  options: ReplicationSourceOptions,
): ReplicationSettings {
  const reader = new OptionReader('', options, OPTIONS);
  const common = normalizeSourceOptions(reader, options, REPLACEABLE);
  const env = options.env ?? process.env;
  const primary = options.primary === undefined ? null : resolveConnection(options.primary, env);
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
  refuseStreamedMessages(reader);
  const schemas = normalizeSchemas(reader.value('schemas'), common.stateSchema);
  const tables = normalizeTables(reader.value('tables'), common.stateSchema, schemas);
  const settings = {
    ...common,
    // A standby takes no writes.
    stateConnection:
      options.stateConnection === undefined
        ? (primary ?? common.connection)
        : common.stateConnection,
    tables,
    schemas,
    partitions: reader.oneOf('partitions', ['root', 'leaf'], 'root'),
    ...streaming(reader.value('streaming')),
    twoPhase: reader.flag('twoPhase'),
    messages: normalizeMessages(reader.value('messages')),
    ddl: reader.flag('ddl'),
    decoder: reader.oneOf('decoder', DECODERS, 'pgoutput'),
    origin: reader.oneOf('origin', ['any', 'none'], 'any'),
    name: reader.text('name', slot),
    slot,
    publication,
    keys: readRecordKeys(reader.value('keys'), tables, schemas),
    includeGenerated: reader.flag('includeGenerated'),
    copy: normalizeCopy(reader.value('copy')),
    slotWaitMs: reader.positiveIntegerOrFalse('slotWaitMs', 60_000),
    statusIntervalMs: reader.positive('statusIntervalMs', 5_000, MAX_TIMER_MS),
    deadAfterMs: reader.positiveIntegerOrFalse('deadAfterMs', 15_000, MAX_TIMER_MS),
    maxBufferedBytes: reader.positiveInteger('maxBufferedBytes', 1024 * 1024),
    maxMessageBytes: reader.positiveInteger('maxMessageBytes', 256 * 1024 * 1024, 2 ** 30),
    care: care(reader),
    heartbeat: heartbeat(reader),
    takeover: takeover(reader),
    recover: recover(reader),
    failover: failover(reader, env),
    endsFailover: reader.value('failover') === false,
    primary,
  };
  refuseForDecoder(settings);
  return Object.freeze(settings);
}

const HOUR_MS = 3_600_000;

function care(reader: OptionReader): ReplicationSettings['care'] {
  if (reader.value('care') === false) return false;
  const names = ['everyMs', 'warnRetainedBytes', 'warnExhaustedInMs', 'warnUnacknowledgedMs'];
  const options = reader.nested('care', names);
  return {
    everyMs: options.positive('everyMs', 10_000, MAX_TIMER_MS),
    thresholds: {
      retainedBytes: options.positiveIntegerOrFalse('warnRetainedBytes', 10 * 1024 ** 3),
      exhaustedInMs: options.positiveIntegerOrFalse('warnExhaustedInMs', HOUR_MS),
      unacknowledgedMs: options.positiveIntegerOrFalse('warnUnacknowledgedMs', HOUR_MS / 4),
    },
  };
}

function failover(
  reader: OptionReader,
  env: Readonly<Record<string, string | undefined>>,
): ReplicationSettings['failover'] {
  const value = reader.value('failover');
  if (value === undefined || typeof value === 'boolean') {
    return value === true ? { standbys: [] } : false;
  }
  const standbys = reader.nested('failover', ['standbys']).value('standbys') ?? [];
  if (!Array.isArray(standbys)) {
    throw wrongOption('failover.standbys', 'a list of connections', standbys);
  }
  return {
    standbys: (standbys as readonly (string | ConnectionOptions)[]).map((standby) =>
      resolveConnection(standby, env),
    ),
  };
}

function recover(reader: OptionReader): Recover | null {
  if (reader.value('recover') === undefined) return null;
  const options = reader.nested('recover', ['gap', 'by']);
  const gap = options.text('gap', '');
  if (!/^[0-9a-f]{16}$/.test(gap)) {
    throw new ConfigurationError(
      'recover.gap',
      'Expected `recover.gap` to be the fingerprint that a GapError printed: 16 hexadecimal digits.',
    );
  }
  if (options.value('by') === undefined) {
    throw wrongOption('recover.by', "'accept' or 'copy'", undefined);
  }
  return { gap, by: options.oneOf('by', ['accept', 'copy'], 'accept') };
}

function takeover(reader: OptionReader): ReplicationSettings['takeover'] {
  const value = reader.value('takeover');
  if (value === undefined || typeof value === 'boolean') {
    return value === true ? { leaseMs: LEASE_MS } : false;
  }
  const options = reader.nested('takeover', ['leaseMs']);
  return { leaseMs: options.positiveInteger('leaseMs', LEASE_MS, MAX_TIMER_MS) };
}

const LEASE_MS = 10_000;

function heartbeat(reader: OptionReader): ReplicationSettings['heartbeat'] {
  const value = reader.value('heartbeat');
  if (value === undefined || value === false) return false;
  const options = reader.nested('heartbeat', ['everyMs']);
  return { everyMs: options.positive('everyMs', 60_000, MAX_TIMER_MS) };
}

/** The spool's limit where the option does not set one. */
const SPOOL_BYTES = 8 * 1024 ** 3;

function streaming(value: unknown): Pick<ReplicationSettings, 'streaming' | 'spool'> {
  if (value === undefined || typeof value === 'boolean') {
    return { streaming: value === true, spool: { directory: null, maxBytes: SPOOL_BYTES } };
  }
  const reader = new OptionReader('streaming', value, ['directory', 'maxBytes']);
  const directory = reader.text('directory', '');
  return {
    streaming: true,
    spool: {
      directory: directory === '' ? null : directory,
      maxBytes: reader.positiveInteger('maxBytes', SPOOL_BYTES),
    },
  };
}

/** The server does not say to which subtransaction a streamed message belongs, which may have been rolled back. */
function refuseStreamedMessages(reader: OptionReader): void {
  const streams = reader.value('streaming') !== undefined && reader.value('streaming') !== false;
  if (!streams) return;
  for (const option of ['messages', 'ddl'] as const) {
    const value = reader.value(option);
    if (value === undefined || value === false) continue;
    throw new ConfigurationError(
      option,
      `\`${option}\` and \`streaming\` exclude each other: of a transaction that is streamed in progress the server does not say which messages were rolled back.`,
      { remedy: `Leave out \`streaming\` or \`${option}\`.` },
    );
  }
}
