import { MappingError } from '../errors/value-error.ts';
import type { RowChange, TableInfo } from '../event/change-event.ts';
import type { JsonRow, JsonValue } from '../event/json.ts';
import { refuseUnknownOptions, wrongOption } from '../internal/option-checks.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { hasLoneSurrogate } from '../json/internal/surrogates.ts';
import { normalizeColumnPolicy, type NormalizedColumnPolicy } from './column-policy.ts';
import { normalizeTableMapping } from './internal/normalize-mapping.ts';
import { missingColumns, readRow, tableName } from './internal/read-row.ts';
import { redactedCause } from './internal/redacted-cause.ts';
import type { AnyTableMapping, MappedOperation, TableMapping } from './table-mapping.ts';
import { spreadable } from './row-change-view.ts';
import { byTable } from '../event/table-label.ts';

const BRAND: unique symbol = Symbol.for('certyo-cdc.record-mapper');
const OPERATIONS: readonly string[] = ['insert', 'update', 'delete', 'upsert'];
const TIMESTAMP = /^\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/u;

/** What a mapper says about a record; what it leaves out is done as without one. */
export interface MappedRecord {
  readonly recordId?: string | undefined;
  readonly database?: string | undefined;
  readonly collection?: string | undefined;
  readonly recordVersion?: string | undefined;
  readonly operationType?: MappedOperation | undefined;
  readonly sourceTimestamp?: string | undefined;
  /** A JSON object as text. */
  readonly payload?: string | undefined;
}

/** Says what the records of some tables are made of. Made by `recordMapper`. */
export interface RecordMapper {
  /** The record of an event; null skips it, undefined leaves it to the defaults. */
  map(event: RowChange): MappedRecord | null | undefined;
  /** The record that an update leaves when its identity changes; null when that is not known to happen. */
  mapPrevious(event: RowChange): MappedRecord | null | undefined;
  /** Where records of a table go, for events about the table itself. */
  placeOf(table: TableInfo): Pick<MappedRecord, 'database' | 'collection'>;
  /** The columns that a table's mapping sees. */
  policyOf(table: TableInfo): NormalizedColumnPolicy | null;
}

/** Options of `recordMapper` besides the tables. */
export interface RecordMapperOptions {
  /**
   * What becomes of tables that have no mapping: mapped by default, skipped, or refused.
   *
   * @default 'default'
   */
  readonly others?: 'default' | 'skip' | 'refuse' | undefined;
}

class TableRecordMapper implements RecordMapper {
  readonly #mappings: ReadonlyMap<string, AnyTableMapping>;
  readonly #policies: ReadonlyMap<string, NormalizedColumnPolicy>;
  readonly #others: 'default' | 'skip' | 'refuse';
  /** Mappings of which a function takes the event besides the row: it may spread it. */
  readonly #takesEvents: ReadonlySet<AnyTableMapping>;

  constructor(
    mappings: ReadonlyMap<string, AnyTableMapping>,
    others: 'default' | 'skip' | 'refuse',
  ) {
    this.#mappings = mappings;
    this.#others = others;
    const policies = new Map<string, NormalizedColumnPolicy>();
    for (const [table, { columns }] of mappings) {
      if (columns !== undefined) {
        policies.set(table, normalizeColumnPolicy(`['${table}'].columns`, columns, true));
      }
    }
    this.#policies = policies;
    this.#takesEvents = new Set([...mappings.values()].filter(takesEvents));
    Object.defineProperty(this, BRAND, { value: true, enumerable: false });
  }

  map(event: RowChange): MappedRecord | null | undefined {
    const mapping = byTable(this.#mappings, event.table);
    if (mapping === undefined) return this.#other(event);
    const row = event.after ?? event.before ?? event.key;
    const seen = this.#takesEvents.has(mapping) ? spreadable(event) : event;
    return run(event, () => this.#mapRow(seen, mapping, row));
  }

  mapPrevious(change: RowChange): MappedRecord | null | undefined {
    const mapping = byTable(this.#mappings, change.table);
    if (mapping === undefined) return undefined;
    const event = this.#takesEvents.has(mapping) ? spreadable(change) : change;
    const { before, previousKey } = event;
    const place = this.placeOf(event.table);
    const old = before ?? previousKey;
    if (mapping.recordId === undefined && previousKey === null) return null;
    if (old === null) return null;
    if (mapping.recordId === undefined && mapping.payload === undefined) return place;
    return run(event, () => {
      const row = readRow(event, mapping.row, old) as JsonRow;
      const payload = this.#previousPayload(event, mapping, row, old);
      if (mapping.recordId === undefined) return { ...place, payload };
      const recordId = mapping.recordId(row, event);
      if (recordId === null || recordId === undefined) return null;
      return {
        database: place.database,
        collection: place.collection,
        recordId: checkText(event, 'recordId', recordId),
        recordVersion: version(event, mapping, row),
        payload,
      };
    });
  }

  placeOf(table: TableInfo): Pick<MappedRecord, 'database' | 'collection'> {
    const mapping = byTable(this.#mappings, table);
    return { database: mapping?.database, collection: mapping?.collection };
  }

  policyOf(table: TableInfo): NormalizedColumnPolicy | null {
    return byTable(this.#policies, table) ?? null;
  }

  #other(event: RowChange): null | undefined {
    if (this.#others === 'refuse') {
      throw new MappingError(event.id, `Table ${tableName(event)} has no mapping.`, {
        remedy: "Add one to `recordMapper`, or choose `others: 'skip'` or `'default'`.",
      });
    }
    return this.#others === 'skip' ? null : undefined;
  }

  #mapRow(event: RowChange, mapping: AnyTableMapping, known: JsonRow): MappedRecord | null {
    const row = readRow(event, mapping.row, known) as JsonRow;
    if (mapping.skip?.(row, event) === true) return null;
    const recordId = mapping.recordId?.(row, event);
    if (recordId === null) return null;
    const payload = this.#payload(event, mapping, row, known);
    if (payload === null) return null;
    const { operationType } = mapping;
    const operation =
      typeof operationType === 'function' ? operationType(row, event) : operationType;
    const timestamp = mapping.sourceTimestamp?.(row, event) ?? undefined;
    // Each member by its name: an object that begins with a spread costs as much as all the rest of a record.
    return {
      database: mapping.database,
      collection: mapping.collection,
      recordVersion: version(event, mapping, row),
      recordId: recordId === undefined ? undefined : checkText(event, 'recordId', recordId),
      operationType: operation === undefined ? undefined : checkOperation(event, operation),
      sourceTimestamp: timestamp === undefined ? undefined : checkTimestamp(event, timestamp),
      payload,
    };
  }

  /** Of the old row where it is whole, else the old key: a mapping that chooses columns chooses them for deletes too. */
  #previousPayload(
    event: RowChange,
    mapping: AnyTableMapping,
    row: JsonRow,
    old: JsonRow,
  ): string | undefined {
    if (mapping.payload === undefined) return undefined;
    const key = event.previousKey ?? event.key;
    const isWhole = event.table.columns.every(({ name }) => Object.hasOwn(old, name));
    const payload = isWhole ? mapping.payload(row, event) : null;
    return canonicalJson(payload === null ? key : checkPayload(event, payload));
  }

  #payload(
    event: RowChange,
    mapping: AnyTableMapping,
    row: JsonRow,
    known: JsonRow,
  ): string | null | undefined {
    if (mapping.payload === undefined) return undefined;
    const isPartialDelete = event.operation === 'delete' && missingColumns(event, known).size > 0;
    if (isPartialDelete) return canonicalJson(event.key);
    const payload: unknown = mapping.payload(row, event);
    if (payload === null) return null;
    const members = checkPayload(event, payload);
    const { unavailable } = event;
    return canonicalJson(
      unavailable.length === 0 || Object.hasOwn(members, '_unavailable')
        ? members
        : { ...members, _unavailable: [...unavailable].sort() },
    );
  }
}

/** False where every function takes the row alone. */
function takesEvents(mapping: AnyTableMapping): boolean {
  return Object.values(mapping).some((value) => typeof value === 'function' && value.length !== 1);
}

function checkPayload(event: RowChange, payload: unknown): { readonly [name: string]: JsonValue } {
  if (typeof payload === 'object' && payload !== null && !Array.isArray(payload)) {
    return payload as { readonly [name: string]: JsonValue };
  }
  throw new MappingError(event.id, `\`payload\` of ${tableName(event)} returned no object.`);
}

function version(event: RowChange, mapping: AnyTableMapping, row: JsonRow): string | undefined {
  if (mapping.version === undefined) return undefined;
  return checkText(event, 'version', mapping.version(row, event));
}

function checkText(event: RowChange, name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && !hasLoneSurrogate(value)) return value;
  throw new MappingError(
    event.id,
    `\`${name}\` of ${tableName(event)} returned ${value === '' ? 'an empty text' : `no text (${typeof value})`}.`,
  );
}

function checkOperation(event: RowChange, value: unknown): MappedOperation {
  if (typeof value === 'string' && OPERATIONS.includes(value)) return value as MappedOperation;
  throw new MappingError(
    event.id,
    `\`operationType\` of ${tableName(event)} is none of ${OPERATIONS.join(', ')}.`,
  );
}

function checkTimestamp(event: RowChange, value: unknown): string {
  if (typeof value === 'string' && TIMESTAMP.test(value)) return value;
  throw new MappingError(
    event.id,
    `\`sourceTimestamp\` of ${tableName(event)} is no ISO 8601 time with a zone.`,
  );
}

function run<T>(event: RowChange, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof MappingError) throw error;
    throw new MappingError(event.id, `The mapping of ${tableName(event)} failed.`, {
      cause: redactedCause(error),
    });
  }
}

/**
 * Makes a mapper: per table, what its records are made of, with the row typed by a zod schema.
 *
 * @example
 * const mapper = recordMapper({
 *   'public.orders': {
 *     row: z.object({ id: z.string(), region: z.string(), total: z.string() }),
 *     recordId: (row) => `${row.region}/${row.id}`,
 *     payload: (row) => ({ id: row.id, total: row.total }),
 *   },
 * });
 * @param tables Mappings by `schema.table`.
 * @throws ConfigurationError when a mapping is wrong.
 */
export function recordMapper<Rows extends Readonly<Record<string, unknown>>>(
  tables: { readonly [Table in keyof Rows]: TableMapping<Rows[Table]> },
  options: RecordMapperOptions = {},
): RecordMapper {
  refuseUnknownOptions('', options, ['others']);
  const { others = 'default' } = options;
  if (!['default', 'skip', 'refuse'].includes(others)) {
    throw wrongOption('others', "'default', 'skip' or 'refuse'", others);
  }
  const mappings = new Map<string, AnyTableMapping>();
  for (const [table, mapping] of Object.entries<unknown>(tables)) {
    mappings.set(table, normalizeTableMapping(table, mapping));
  }
  return new TableRecordMapper(mappings, others);
}

/** True for what `recordMapper` made, also in another copy of the library. */
export function isRecordMapper(value: unknown): value is RecordMapper {
  return typeof value === 'object' && value !== null && BRAND in value;
}
