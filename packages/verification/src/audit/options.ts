import {
  type CertyoClient,
  type CertyoItem,
  ConfigurationError,
  type PipelineTime,
  type Sink,
} from '@certyo-cdc/core';
import { OptionReader, SYSTEM_TIME, wrongOption } from '@certyo-cdc/core/internal';
import {
  DEFAULT_SCHEMA,
  type NormalizedStoreOptions,
  normalizePostgresStoreOptions,
  parseTableName,
  type PostgresStoreOptions,
  type QualifiedName,
  readTableList,
  refuseOwnAndRepeated,
} from '@certyo-cdc/postgres';

import { ledgerOf } from '../receipts/ledger-registry.ts';
import type { NormalizedReceiptStoreOptions } from '../receipts/options.ts';
import type { PostgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import { type CatchUp, DEFAULT_STALL_MS } from './catch-up.ts';
import type { AuditEvent } from './events.ts';
import type { RecordedPayload } from './recorded-payload.ts';
import type { AuditStateStore } from './audit-state.ts';

/** What of a table is audited. */
export interface AuditTableOptions {
  /** As sources name it. */
  readonly table: string | { readonly schema?: string | undefined; readonly name: string };
  /** The columns of the record key, where the source was given others than the primary key. */
  readonly key?: readonly string[] | undefined;
  /** The first key that is audited, as text; of a key of several columns all of them, or the first ones. @default the lowest */
  readonly from?: string | readonly string[] | undefined;
  /** The key before which to end. @default behind the highest */
  readonly to?: string | readonly string[] | undefined;
  /** The condition, in SQL, that captured rows fulfil: the row filter of the source. @default every row */
  readonly where?: string | undefined;
  /** Rows whose newest record is a delete that shows them as they are: polling marks deleted rows so. @default false */
  readonly softDelete?: boolean | undefined;
}

/** Options of `createAudit`. */
export interface AuditOptions extends Pick<PostgresStoreOptions, 'connection' | 'pool'> {
  /** Tables by name, or with what of them is audited. */
  readonly tables: readonly (string | AuditTableOptions)[];
  /** What `postgresReceiptStore()` returned. The audit opens connections of its own to the same place. */
  readonly receipts: PostgresReceiptStore;
  /**
   * A sink that maps as the pipeline's does: made by `certyoSink` with the same `receipts`, `mapper`, `columns`, `database` and
   * `statusColumns`. Rows become payloads by it, and `reconcile` sends through it. Not that of a pipeline, which closes it.
   */
  readonly sink: Sink<CertyoItem>;
  /**
   * How the audit knows that what was committed has its receipts: by a pipeline of this process (`caughtUp`), by the replication
   * slot of a pipeline elsewhere, or by waiting for so long. A row that differs is looked at again after that. A slot that stands
   * still for `stallMs`, ten minutes by default, ends the audit with an error.
   *
   * @default { waitMs: 60_000 }
   */
  readonly catchUp?: CatchUp | undefined;
  /** Only records whose newest receipt was accepted in this time, ISO 8601; rows without any record are always told. */
  readonly span?:
    | { readonly from?: string | undefined; readonly to?: string | undefined }
    | undefined;
  /**
   * A client to ask Certyo about records, with the payload of the row as it is: about exceptions, or about all of them.
   *
   * @default nobody is asked
   */
  readonly client?: CertyoClient | undefined;
  /** @default 'exceptions' where there is a client */
  readonly verify?: 'exceptions' | 'all' | undefined;
  /** Most questions in a second; `false` for any number. @default 10 */
  readonly maxRequestsPerSecond?: number | false | undefined;
  /**
   * The payload of a record version as JSON text, where the application keeps payloads: then exceptions name the columns that differ.
   * The ledger keeps fingerprints only.
   */
  readonly recordedPayload?: RecordedPayload | undefined;
  /** Whether the report shows values of rows in exceptions. @default false */
  readonly values?: boolean | undefined;
  /** Connections that read rows, beside one that holds the snapshot. @default 4 */
  readonly workers?: number | undefined;
  /** Rows that a worker takes at a time. @default 5_000 */
  readonly chunkRows?: number | undefined;
  /** Exceptions that the report lists; the others are counted. @default 10_000 */
  readonly maxExceptions?: number | undefined;
  /** How often a row that keeps changing is looked at. @default 10 */
  readonly maxLooks?: number | undefined;
  /** Where an audit that was interrupted goes on. @default it begins anew */
  readonly state?: AuditStateStore | undefined;
  /** Observes the audit. What it throws is ignored. */
  readonly onEvent?: ((event: AuditEvent) => void) | undefined;
  /** Clock and timers. @default those of the process */
  readonly time?: PipelineTime | undefined;
}

/** A table with defaults. */
export interface AuditedTable extends QualifiedName {
  readonly key: readonly string[] | null;
  readonly from: readonly string[] | null;
  readonly to: readonly string[] | null;
  readonly where: string | null;
  readonly softDelete: boolean;
}

/** Options with defaults. */
export interface NormalizedAuditOptions {
  readonly place: NormalizedStoreOptions;
  readonly ledger: NormalizedReceiptStoreOptions;
  readonly tables: readonly AuditedTable[];
  readonly receipts: PostgresReceiptStore;
  readonly sink: Sink<CertyoItem>;
  readonly catchUp: CatchUp;
  readonly span: { readonly fromMs: number; readonly toMs: number } | null;
  readonly client: CertyoClient | null;
  readonly verify: 'exceptions' | 'all';
  readonly maxRequestsPerSecond: number | false;
  readonly recordedPayload: RecordedPayload | null;
  readonly values: boolean;
  readonly workers: number;
  readonly chunkRows: number;
  readonly maxExceptions: number;
  readonly maxLooks: number;
  readonly state: AuditStateStore | null;
  readonly onEvent: ((event: AuditEvent) => void) | null;
  readonly time: PipelineTime;
}

const NAMES = [
  'connection',
  'pool',
  'tables',
  'receipts',
  'sink',
  'catchUp',
  'span',
  'client',
  'verify',
  'maxRequestsPerSecond',
  'recordedPayload',
  'values',
  'workers',
  'chunkRows',
  'maxExceptions',
  'maxLooks',
  'state',
  'onEvent',
  'time',
] as const satisfies readonly (keyof AuditOptions)[];

const TABLE_NAMES = ['table', 'key', 'from', 'to', 'where', 'softDelete'] as const;
const DEFAULT_WAIT_MS = 60_000;

/** Checks the options and fills in defaults. */
export function normalizeAuditOptions(options: AuditOptions): NormalizedAuditOptions {
  const reader = new OptionReader('', options, NAMES);
  const { client = null, connection, pool, receipts, sink, state = null } = options;
  const ledger = ledgerOf(receipts);
  if (typeof sink?.prepare !== 'function' || typeof sink?.deliver !== 'function') {
    throw wrongOption('sink', 'what certyoSink() returned', sink);
  }
  if (client !== null && typeof client?.verifyRecord !== 'function') {
    throw wrongOption('client', 'what createCertyoClient() returned', client);
  }
  if (client === null && options.verify !== undefined) {
    throw new ConfigurationError('verify', '`verify` needs `client`.');
  }
  for (const name of ['onEvent', 'recordedPayload']) reader.assertFunction(name);
  reader.assertMethods('time', ['now', 'setTimeout']);
  reader.assertMethods('state', ['load', 'save']);
  const maxRequestsPerSecond = options.maxRequestsPerSecond ?? 10;
  if (maxRequestsPerSecond !== false && !(maxRequestsPerSecond > 0)) {
    throw wrongOption('maxRequestsPerSecond', 'a positive number or `false`', maxRequestsPerSecond);
  }
  return {
    place: normalizePostgresStoreOptions({
      ...(connection === undefined ? {} : { connection }),
      ...(pool === undefined ? {} : { pool }),
    }),
    ledger,
    tables: readAuditedTables(options.tables),
    receipts,
    sink,
    catchUp: readCatchUp(options.catchUp),
    span: readSpan(options.span),
    client,
    verify: reader.oneOf('verify', ['exceptions', 'all'], 'exceptions'),
    maxRequestsPerSecond,
    recordedPayload: options.recordedPayload ?? null,
    values: reader.flag('values'),
    workers: reader.positiveInteger('workers', 4, 64),
    chunkRows: reader.positiveInteger('chunkRows', 5_000, 1_000_000),
    maxExceptions: reader.positiveInteger('maxExceptions', 10_000, 1_000_000),
    maxLooks: reader.positiveInteger('maxLooks', 10, 1_000),
    state,
    onEvent: options.onEvent ?? null,
    time: options.time ?? SYSTEM_TIME,
  };
}

function readAuditedTables(value: unknown): readonly AuditedTable[] {
  const tables = readTableList(value).map((entry, index): AuditedTable => {
    const path = `tables[${String(index)}]`;
    if (typeof entry === 'string') {
      const none = { key: null, from: null, to: null, where: null, softDelete: false };
      return { ...parseTableName(entry), ...none };
    }
    const reader = new OptionReader(path, entry, TABLE_NAMES);
    const { from, key, table, to, where } = entry as AuditTableOptions;
    if (where !== undefined && (typeof where !== 'string' || where.trim() === '')) {
      throw wrongOption(`${path}.where`, 'a condition in SQL', where);
    }
    return {
      ...parseTableName(table, `${path}.table`),
      key: texts(`${path}.key`, key),
      from: texts(`${path}.from`, from),
      to: texts(`${path}.to`, to),
      where: where ?? null,
      softDelete: reader.flag('softDelete'),
    };
  });
  refuseOwnAndRepeated(tables, DEFAULT_SCHEMA);
  return tables;
}

function texts(option: string, value: unknown): readonly string[] | null {
  if (value === undefined) return null;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > 0 && list.every((text) => typeof text === 'string')) return list as string[];
  throw wrongOption(option, 'a text or a list of texts', value);
}

function readCatchUp(value: CatchUp | undefined): CatchUp {
  if (value === undefined) return { waitMs: DEFAULT_WAIT_MS };
  if (value !== null && typeof value === 'object' && 'slot' in value) {
    const reader = new OptionReader('catchUp', value, ['slot', 'stallMs']);
    const stallMs = reader.positiveIntegerOrFalse('stallMs', DEFAULT_STALL_MS);
    if (typeof value.slot === 'string' && value.slot !== '') return { slot: value.slot, stallMs };
  }
  const given = value as unknown as Readonly<Record<string, unknown>> | null;
  const isOne =
    typeof given === 'object' &&
    given !== null &&
    (typeof given['caughtUp'] === 'function' ||
      (typeof given['waitMs'] === 'number' && given['waitMs'] >= 0));
  if (isOne) return value;
  throw wrongOption('catchUp', 'a pipeline, `{ slot }` or `{ waitMs }`', value);
}

function readSpan(value: AuditOptions['span']): NormalizedAuditOptions['span'] {
  if (value === undefined) return null;
  new OptionReader('span', value, ['from', 'to']);
  const time = (name: 'from' | 'to', fallback: number): number => {
    const text = value[name];
    if (text === undefined) return fallback;
    const ms = typeof text === 'string' ? Date.parse(text) : NaN;
    if (Number.isNaN(ms)) throw wrongOption(`span.${name}`, 'a time in ISO 8601', text);
    return ms;
  };
  return { fromMs: time('from', -Infinity), toMs: time('to', Infinity) };
}
