import { MappingError } from '../errors/value-error.ts';
import type {
  AcceptedGap,
  ChangeEvent,
  ColumnInfo,
  LogicalMessage,
  RowChange,
  SchemaChange,
  TableInfo,
  Truncate,
} from '../event/change-event.ts';
import { JsonNumber, type JsonRow, type JsonValue } from '../event/json.ts';
import { onlyKeyValue } from '../event/key-value.ts';
import { decimal } from '../internal/decimal.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import type { MappedRecord, RecordMapper } from '../mapper/record-mapper.ts';
import type { OperationType } from './certyo-types.ts';
import type { RecordDraft } from './record-draft.ts';
import type { UnavailableColumns } from './unavailable-policy.ts';
import { PerTable } from '../event/per-table.ts';
import { tableLabel } from '../event/table-label.ts';

/** How events become records. */
export interface DraftRules {
  /** Instead of the event's database name. */
  readonly database: string | undefined;
  readonly mapper: RecordMapper | null;
  /** Gives the event as the rest may see it. */
  readonly restrict: (event: RowChange) => RowChange;
  readonly statusColumns: ReadonlySet<string>;
  readonly messages: 'deliver' | 'skip';
}

/** The record that says of a table that it was emptied; it has the table's place. */
export const TRUNCATE_RECORD_ID = '$truncate';

const OPERATION_TYPES: Readonly<Record<RowChange['operation'], OperationType>> = {
  insert: 'insert',
  update: 'update',
  delete: 'delete',
  snapshot: 'upsert',
};

/** The records that an event makes: one; two for a change of key; none when it is skipped. */
export function toDrafts(event: ChangeEvent, rules: DraftRules): readonly RecordDraft[] {
  switch (event.operation) {
    case 'truncate':
      return [tableDraft(event, rules, TRUNCATE_RECORD_ID, truncatePayload(event))];
    case 'schema':
      return [tableDraft(event, rules, '$schema', schemaPayload(event))];
    case 'message':
      return rules.messages === 'skip' ? [] : [messageDraft(event, rules)];
    case 'gap':
      return [gapDraft(event, rules)];
    default:
      return rowDrafts(event, rules);
  }
}

function rowDrafts(original: RowChange, rules: DraftRules): readonly RecordDraft[] {
  if (changesStatusOnly(original, rules)) return [];
  const event = rules.restrict(original);
  const mapped = rules.mapper?.map(event);
  if (mapped === null) return [];
  const operationType = mapped?.operationType ?? OPERATION_TYPES[event.operation];
  const draft = rowDraft(event, rules, mapped, operationType, 'after');
  const previous = previousDraft(event, rules);
  if (
    previous === null ||
    (previous.recordId === draft.recordId &&
      previous.collection === draft.collection &&
      previous.database === draft.database)
  ) {
    return [draft];
  }
  return [previous, { ...draft, operationType: mapped?.operationType ?? 'upsert' }];
}

/** The delete of the record that an update leaves, or null. */
function previousDraft(event: RowChange, rules: DraftRules): RecordDraft | null {
  if (event.operation !== 'update') return null;
  const mapped = rules.mapper?.mapPrevious(event);
  if (mapped === null) return null;
  // Where the key stays, only a mapper can know better: by a recordId that is not the key.
  if (event.previousKey === null && mapped === undefined) return null;
  return rowDraft(event, rules, mapped, 'delete', 'before');
}

function unavailableColumns(event: RowChange, rules: DraftRules): UnavailableColumns | null {
  const { table, unavailable } = event;
  if (unavailable.length === 0) return null;
  const columns = unavailable.filter(payloadColumns(table, rules) ?? (() => true));
  return columns.length === 0 ? null : { schema: table.schema, name: table.name, columns };
}

/** Which columns are part of the payload; undefined for a table that has no other ones. */
function payloadColumns(
  table: TableInfo,
  rules: DraftRules,
): ((column: string) => boolean) | undefined {
  return tableRules(table, rules).includes;
}

/** What is the same in all rows of one table, for the sink that asked last. */
interface TableRules {
  readonly collection: string;
  statusColumns: ReadonlySet<string> | null;
  includes: ((column: string) => boolean) | undefined;
}

const perTable = new PerTable<TableRules>((table) => ({
  collection: collectionOf(table),
  statusColumns: null,
  includes: undefined,
}));

function tableRules(table: TableInfo, { statusColumns }: DraftRules): TableRules {
  const rules = perTable.of(table);
  if (rules.statusColumns !== statusColumns) {
    const hasAny = table.columns.some(({ name }) => statusColumns.has(name));
    rules.includes = hasAny ? (name) => !statusColumns.has(name) : undefined;
    rules.statusColumns = statusColumns;
  }
  return rules;
}

/** @param image Of which row, where the mapper does not say. */
function rowDraft(
  event: RowChange,
  rules: DraftRules,
  mapped: MappedRecord | undefined,
  operationType: OperationType,
  image: 'before' | 'after',
): RecordDraft {
  const { table } = event;
  const { collection, includes } = tableRules(table, rules);
  return {
    database: mapped?.database ?? rules.database ?? table.database,
    collection: mapped?.collection ?? collection,
    recordId: mapped?.recordId ?? ownRecordId(event, image),
    recordVersion: mapped?.recordVersion ?? event.version,
    operationType,
    sourceTimestamp: mapped?.sourceTimestamp ?? event.transaction?.committedAt ?? null,
    payload: mapped?.payload ?? { event, includes, image },
    unavailable: image === 'after' ? unavailableColumns(event, rules) : null,
  };
}

function ownRecordId(event: RowChange, image: 'before' | 'after'): string {
  if (image === 'before') return recordIdOf(event, event.previousKey ?? event.key);
  const value = onlyKeyValue(event) ?? '';
  // What is no id is told by the whole key.
  return value === '' ? recordIdOf(event, event.key) : keyText(event, '', value);
}

/** The default collection of a table. */
export function collectionOf(table: TableInfo): string {
  return tableLabel(table);
}

/**
 * The default recordId: the key's value as text; for several key columns a JSON array of the texts, in the order of the
 * key.
 */
export function recordIdOf(event: RowChange, key: JsonRow): string {
  let only: string | undefined;
  let texts: string[] | null = null;
  // Rows have no prototype; and most keys have one column.
  for (const name in key) {
    const text = keyText(event, name, key[name] ?? null);
    if (only === undefined) only = text;
    else (texts ??= [only]).push(text);
  }
  if (only === undefined) {
    throw new MappingError(event.id, `A change of ${collectionOf(event.table)} has no key.`, {
      remedy: 'Give the table a primary key, or the source its `key` option.',
    });
  }
  if (texts !== null) return JSON.stringify(texts);
  if (only !== '') return only;
  throw new MappingError(
    event.id,
    `The key of a change of ${collectionOf(event.table)} is empty.`,
    {
      remedy: 'The API takes no empty recordId: map one with `recordMapper`.',
    },
  );
}

function keyText(event: RowChange, name: string, value: JsonValue): string {
  if (value === null) {
    throw new MappingError(
      event.id,
      `The key column \`${name}\` of ${collectionOf(event.table)} is null.`,
      { remedy: 'Choose key columns that are never null.' },
    );
  }
  if (typeof value === 'string') return value;
  // Most keys that are no texts: past what prints any value.
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return decimal(value);
  return JsonNumber.is(value) ? value.text : writeJson(event, value);
}

/** True for an update that only wrote what Certyo's own write-back writes (I10). */
function changesStatusOnly(event: RowChange, rules: DraftRules): boolean {
  if (event.operation !== 'update' || event.previousKey !== null || event.unavailable.length > 0) {
    return false;
  }
  if (payloadColumns(event.table, rules) === undefined) return false;
  const { before, after } = event;
  if (before === null || after === null) return false;
  const names = (row: JsonRow): string[] =>
    Object.keys(row).filter((name) => !rules.statusColumns.has(name));
  const after_ = names(after);
  return (
    after_.length === names(before).length &&
    after_.every(
      (name) =>
        Object.hasOwn(before, name) &&
        writeJson(event, before[name] ?? null) === writeJson(event, after[name] ?? null),
    )
  );
}

function tableDraft(
  event: Truncate | SchemaChange,
  rules: DraftRules,
  recordId: string,
  payload: JsonValue,
): RecordDraft {
  const place = rules.mapper?.placeOf(event.table);
  return {
    database: place?.database ?? rules.database ?? event.table.database,
    collection: place?.collection ?? collectionOf(event.table),
    recordId,
    recordVersion: event.version,
    operationType: 'upsert',
    sourceTimestamp: event.transaction?.committedAt ?? null,
    payload: canonicalJson(payload),
    unavailable: null,
  };
}

function truncatePayload(event: Truncate): JsonValue {
  return {
    _event: 'truncate',
    table: collectionOf(event.table),
    cascade: event.cascade,
    restartIdentity: event.restartIdentity,
  };
}

function schemaPayload(event: SchemaChange): JsonValue {
  return {
    _event: 'schema',
    table: collectionOf(event.table),
    columns: event.table.columns.map(columnPayload),
    previousColumns: event.previousColumns?.map(columnPayload) ?? null,
    ...(event.statement === undefined ? {} : { statement: event.statement }),
  };
}

function columnPayload(column: ColumnInfo): JsonValue {
  return {
    name: column.name,
    type: column.typeName,
    isKey: column.isKey,
    nullable: column.nullable,
  };
}

function messageDraft(event: LogicalMessage, rules: DraftRules): RecordDraft {
  return {
    database: rules.database ?? event.source.name,
    collection: '$messages',
    recordId: event.prefix === '' ? '$message' : event.prefix,
    recordVersion: event.version,
    operationType: 'upsert',
    sourceTimestamp: event.transaction?.committedAt ?? null,
    payload: canonicalJson({
      _event: 'message',
      prefix: event.prefix,
      transactional: event.transactional,
      ...messageContent(event.content),
    }),
    unavailable: null,
  };
}

/** All gaps of a source are versions of one record. */
function gapDraft(event: AcceptedGap, rules: DraftRules): RecordDraft {
  const { code, from, resolvedBy, source, tables, to } = event;
  return {
    database: rules.database ?? event.database,
    collection: '$gaps',
    recordId: source.name,
    recordVersion: event.version,
    operationType: 'upsert',
    sourceTimestamp: null,
    payload: canonicalJson({ _event: 'gap', code, from, to, resolvedBy, tables }),
    unavailable: null,
  };
}

function messageContent(content: Uint8Array): { readonly [name: string]: JsonValue } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content) };
  } catch {
    return { base64: Buffer.from(content).toString('base64') };
  }
}

function writeJson(event: RowChange, value: JsonValue): string {
  try {
    return canonicalJson(value);
  } catch (error) {
    throw new MappingError(
      event.id,
      `A value of ${collectionOf(event.table)} cannot be written as JSON.`,
      { cause: error },
    );
  }
}
