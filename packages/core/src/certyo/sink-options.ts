import { ConfigurationError } from '../errors/configuration-error.ts';
import {
  optionalText,
  positiveInteger,
  refuseUnknownOptions,
  wrongOption,
} from '../internal/option-checks.ts';
import { normalizeColumnPolicies, type ColumnPolicies } from '../mapper/column-policy.ts';
import { restrictWith } from '../mapper/restricted-row-change.ts';
import { isRecordMapper, type RecordMapper } from '../mapper/record-mapper.ts';
import { createCertyoClient, type CertyoClient } from './certyo-client.ts';
import { RecordWriter } from './record-writer.ts';
import type { ReceiptStore } from '../receipts/receipt-store.ts';
import type { SkipUnchanged } from './sink-receipts.ts';
import { CLIENT_OPTION_NAMES, type CertyoClientOptions } from './client-options.ts';
import { MAX_BULK_RECORDS } from './client-requests.ts';
import type { DraftRules } from './event-drafts.ts';
import {
  type NormalizedUnavailablePolicy,
  normalizeUnavailablePolicy,
  type UnavailablePolicy,
} from './unavailable-policy.ts';

/** Options of `certyoSink`: those of the client, or a client, and how events become records. */
export interface CertyoSinkOptions extends CertyoClientOptions {
  /** A client to share, instead of the options of one. It is not closed with the sink. */
  readonly client?: CertyoClient | undefined;
  /**
   * Name of the sink.
   *
   * @default 'certyo'
   */
  readonly name?: string | undefined;
  /** Sub-organisation; one for all records, because the API orders within it. */
  readonly clientId?: string | undefined;
  /**
   * `database` of every record.
   *
   * @default the name of the captured database; for logical messages the name of the source
   */
  readonly database?: string | undefined;
  /**
   * What the records of some tables are made of.
   *
   * @default the mapping of `docs/certyo-mapping.md` for every table
   */
  readonly mapper?: RecordMapper | undefined;
  /** Which columns are seen at all, by `schema.table` and `*` for every table; applied before everything else. */
  readonly columns?: ColumnPolicies | undefined;
  /**
   * Columns that Certyo's write-back writes: never part of a payload.
   *
   * @default ['certyo_record_hash', 'certyo_anchor_status', 'certyo_verified_at']
   */
  readonly statusColumns?: readonly string[] | undefined;
  /**
   * What becomes of a row of which a value cannot be seen, because the change left it alone and PostgreSQL does not send it
   * (unchanged TOAST). `omit` delivers it without the value and names the column under `_unavailable`; `park` rejects it,
   * so that the pipeline's `onRejected` decides; `halt` stops the pipeline with everything kept. The value is never read
   * from the table, which may hold a later one. Per table by `schema.table`, with `*` for every other one. Columns that
   * `columns` leaves out do not count.
   *
   * @default 'omit'
   */
  readonly unavailable?: UnavailablePolicy | undefined;
  /**
   * Whether logical messages become records.
   *
   * @default 'deliver'
   */
  readonly messages?: 'deliver' | 'skip' | undefined;
  /**
   * Where the receipt of each accepted record is stored before the record counts as delivered. Stays open when the sink is
   * closed.
   *
   * @default none are kept
   */
  readonly receipts?: ReceiptStore | undefined;
  /**
   * Which rows are skipped when the newest receipt of their record shows the same payload: `copies` those that a copy or a poll
   * found, so that a new copy or a change of source anchors nothing twice; `all` also inserts and updates. Deletes are never
   * skipped. Needs `receipts`.
   *
   * @default 'copies'
   */
  readonly skipUnchanged?: SkipUnchanged | undefined;
  /**
   * Most records in one request, 1 to 1000. With 1 the bulk endpoint is not used.
   *
   * @default 1000
   */
  readonly maxBatchItems?: number | undefined;
  /**
   * Most bytes in one request.
   *
   * @default 5000000
   */
  readonly maxBatchBytes?: number | undefined;
  /**
   * Largest record, bytes of its body; a larger one is rejected without being sent.
   *
   * @default maxBatchBytes
   */
  readonly maxRecordBytes?: number | undefined;
}

/** What the sink works with. */
export interface NormalizedSinkOptions {
  readonly name: string;
  readonly client: CertyoClient;
  readonly ownsClient: boolean;
  readonly writer: RecordWriter;
  readonly rules: DraftRules;
  readonly maxBatchItems: number;
  readonly maxBatchBytes: number;
  readonly maxRecordBytes: number;
  readonly unavailable: NormalizedUnavailablePolicy;
  readonly receipts: ReceiptStore | null;
  readonly skipUnchanged: SkipUnchanged;
}

const DEFAULTS = Object.freeze({
  name: 'certyo',
  statusColumns: ['certyo_record_hash', 'certyo_anchor_status', 'certyo_verified_at'],
  maxBatchBytes: 5_000_000,
});

const OWN_NAMES = [
  'client',
  'name',
  'clientId',
  'database',
  'mapper',
  'columns',
  'statusColumns',
  'unavailable',
  'messages',
  'maxBatchItems',
  'maxBatchBytes',
  'maxRecordBytes',
  'receipts',
  'skipUnchanged',
] as const;

/** Checks the options, fills in defaults and makes the client where none is given. */
export function normalizeSinkOptions(options: CertyoSinkOptions): NormalizedSinkOptions {
  refuseUnknownOptions('', options, [...OWN_NAMES, ...CLIENT_OPTION_NAMES]);
  const rules = draftRules(options);
  const { receipts = null, skipUnchanged = 'copies' } = options;
  if (receipts !== null && typeof receipts?.store !== 'function') {
    throw wrongOption('receipts', 'a store of receipts', receipts);
  }
  if (skipUnchanged !== 'copies' && skipUnchanged !== 'all' && skipUnchanged !== false) {
    throw wrongOption('skipUnchanged', "'copies', 'all' or `false`", skipUnchanged);
  }
  if (receipts === null && options.skipUnchanged !== undefined && skipUnchanged !== false) {
    throw new ConfigurationError('skipUnchanged', '`skipUnchanged` needs `receipts`.');
  }
  const maxBatchItems = positiveInteger(
    'maxBatchItems',
    options.maxBatchItems,
    MAX_BULK_RECORDS,
    MAX_BULK_RECORDS,
  );
  const maxBatchBytes = positiveInteger(
    'maxBatchBytes',
    options.maxBatchBytes,
    DEFAULTS.maxBatchBytes,
  );
  const name = optionalText('name', options.name) ?? DEFAULTS.name;
  const clientId = optionalText('clientId', options.clientId);
  const maxRecordBytes = positiveInteger('maxRecordBytes', options.maxRecordBytes, maxBatchBytes);
  const unavailable = normalizeUnavailablePolicy(options.unavailable);
  // Last, because it opens what must be closed.
  const client = options.client ?? createCertyoClient(clientOptions(options));
  if (options.client !== undefined) refuseClientOptions(options);
  return {
    name,
    client,
    ownsClient: options.client === undefined,
    writer: new RecordWriter(client.tenantId, clientId),
    rules,
    maxBatchItems,
    maxBatchBytes,
    maxRecordBytes,
    unavailable,
    receipts,
    skipUnchanged,
  };
}

/** Checks the options that say how events become records, and fills in defaults. */
export function draftRules(
  options: Pick<
    CertyoSinkOptions,
    'columns' | 'database' | 'mapper' | 'messages' | 'statusColumns'
  >,
): DraftRules {
  const { messages = 'deliver', statusColumns = DEFAULTS.statusColumns, mapper } = options;
  if (messages !== 'deliver' && messages !== 'skip') {
    throw wrongOption('messages', "'deliver' or 'skip'", messages);
  }
  if (!Array.isArray(statusColumns) || !statusColumns.every((name) => typeof name === 'string')) {
    throw wrongOption('statusColumns', 'an array of column names', statusColumns);
  }
  if (mapper !== undefined && !isRecordMapper(mapper)) {
    throw wrongOption('mapper', 'what recordMapper() returned', mapper);
  }
  return {
    database: optionalText('database', options.database),
    mapper: mapper ?? null,
    restrict: restrictWith(normalizeColumnPolicies(options.columns), mapper ?? null),
    statusColumns: new Set(statusColumns),
    messages,
  };
}

function clientOptions(options: CertyoSinkOptions): CertyoClientOptions {
  return Object.fromEntries(
    CLIENT_OPTION_NAMES.filter((name) => options[name] !== undefined).map((name) => [
      name,
      options[name],
    ]),
  );
}

function refuseClientOptions(options: CertyoSinkOptions): void {
  const both = CLIENT_OPTION_NAMES.find((name) => options[name] !== undefined);
  if (both === undefined) return;
  throw new ConfigurationError(
    both,
    `Options \`client\` and \`${both}\` exclude each other: \`${both}\` belongs to the client.`,
  );
}
