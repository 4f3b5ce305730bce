import {
  canonicalJson,
  type ChangeEvent,
  type EventSource,
  type GapCode,
  isRowChange,
  type JsonRow,
  type JsonValue,
  type RowOperation,
  type TableInfo,
  type TransactionInfo,
} from '@certyo-cdc/core';

/** A change as a test writes it down. */
export type MemoryChange =
  | {
      readonly operation: RowOperation;
      /** @default 'items' */
      readonly table?: string | undefined;
      readonly key: JsonRow;
      readonly previousKey?: JsonRow | undefined;
      readonly before?: JsonRow | undefined;
      /** @default the key, for everything but deletes */
      readonly after?: JsonRow | undefined;
      /** Columns whose value cannot be seen. @default none */
      readonly unavailable?: readonly string[] | undefined;
    }
  | { readonly operation: 'truncate'; readonly table?: string | undefined }
  | { readonly operation: 'schema'; readonly table?: string | undefined }
  | { readonly operation: 'gap'; readonly code: GapCode }
  | { readonly operation: 'message'; readonly prefix: string; readonly content: string };

/** What all events of one transaction share. */
export interface MemoryTransaction {
  readonly number: number;
  readonly info: TransactionInfo;
  readonly source: EventSource;
  readonly table: (name: string) => TableInfo;
}

/** The event of the n-th change of a transaction. */
export function memoryEvent(
  change: MemoryChange,
  ordinal: number,
  transaction: MemoryTransaction,
): ChangeEvent {
  const { info, number, source } = transaction;
  const place = `${pad(number)}.${pad(ordinal)}`;
  const base = {
    id: `memory:${source.name}:${place}`,
    version: `1.${place}`,
    transaction: info,
    source,
  };
  if (change.operation === 'message') {
    const content = new TextEncoder().encode(change.content);
    const { operation, prefix } = change;
    return withJson(
      { ...base, operation, prefix, content, transactional: true },
      { content: `\\x${Buffer.from(content).toString('hex')}` },
    );
  }
  if (change.operation === 'gap') {
    const { code, operation } = change;
    const place = { database: 'memory', from: '0', to: String(number), tables: [] };
    return withJson({ ...base, operation, code, ...place, resolvedBy: 'accept' });
  }
  const table = transaction.table(change.table ?? 'items');
  if (change.operation === 'truncate') {
    const { operation } = change;
    return withJson({ ...base, operation, table, cascade: false, restartIdentity: false });
  }
  if (change.operation === 'schema') {
    return withJson({ ...base, operation: change.operation, table, previousColumns: null });
  }
  const { key, operation, unavailable = [] } = change;
  const after = operation === 'delete' ? null : row(change.after ?? key);
  const before = change.before === undefined ? null : row(change.before);
  const canonicalRow = (
    includes: (column: string) => boolean = () => true,
    image: 'before' | 'after' = 'after',
  ): string => {
    const shown =
      image === 'before' ? (before ?? change.previousKey ?? key) : (after ?? before ?? key);
    const hidden = image === 'before' ? [] : unavailable.filter((name) => includes(name));
    return canonicalJson({
      ...Object.fromEntries(Object.entries(shown).filter(([name]) => includes(name))),
      ...(hidden.length === 0 ? {} : { _unavailable: hidden }),
    });
  };
  return withJson({
    ...base,
    operation,
    table,
    key: row(key),
    previousKey: change.previousKey === undefined ? null : row(change.previousKey),
    before,
    after,
    unavailable,
    canonicalRow,
  });
}

/** What a look at the rows would show of these events: the last of each row, without what it was before. */
export function latestStates(events: readonly ChangeEvent[]): readonly ChangeEvent[] {
  const last = new Map<string, ChangeEvent>();
  for (const event of events) {
    const name = isRowChange(event)
      ? `${event.table.oid} ${canonicalJson(event.key)}`
      : `event ${event.id}`;
    // A row's place is that of its last change.
    last.delete(name);
    last.set(name, event);
  }
  return [...last.values()].map((event) => {
    if (!isRowChange(event)) return event;
    const { toJSON: _, ...shown } = event;
    const operation = event.operation === 'delete' ? 'delete' : 'snapshot';
    return withJson({ ...shown, operation, before: null, previousKey: null });
  });
}

/** Rows have no prototype. */
function row(values: JsonRow): JsonRow {
  return Object.assign(Object.create(null) as Record<string, JsonValue>, values);
}

function withJson<T extends object>(
  event: T,
  instead: Readonly<Record<string, JsonValue>> = {},
): T & { toJSON(): JsonValue } {
  return {
    ...event,
    toJSON() {
      const plain = Object.entries(event).filter(([, value]) => typeof value !== 'function');
      return { ...Object.fromEntries(plain), ...instead } as JsonValue;
    },
  };
}

function pad(value: number): string {
  return String(value).padStart(10, '0');
}
