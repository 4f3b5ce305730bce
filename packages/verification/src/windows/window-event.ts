import type { ColumnInfo, JsonRow, JsonValue, RowChange, TableInfo } from '@certyo-cdc/core';

import { readWindow, type StoredWindow, windowVersion } from './window.ts';

/** The kind of source that windows come from. */
export const WINDOW_SOURCE = 'windows';

/** The table that stands in the events; the mapper of `createWindowAnchoring` knows it by this name. */
export const WINDOW_TABLE = 'certyo.windows';

const COLUMNS: readonly ColumnInfo[] = (
  [
    ['pipeline', 'text'],
    ['number', 'bigint'],
    ['source', 'jsonb'],
    ['from', 'text'],
    ['to', 'text'],
    ['openedAt', 'text'],
    ['closedAt', 'text'],
    ['checkpoints', 'bigint'],
    ['counts', 'jsonb'],
    ['versions', 'jsonb'],
    ['committed', 'jsonb'],
    ['uncounted', 'text'],
    ['previousHash', 'text'],
    ['_event', 'text'],
  ] as const
).map(([name, typeName]) => ({
  name,
  typeOid: 0,
  typeName,
  isKey: name === 'pipeline',
  nullable: null,
}));

/** How a window's record is named. All windows of a pipeline are versions of one record. */
export function windowTable(database: string): TableInfo {
  return { database, schema: 'certyo', name: 'windows', oid: 0, columns: COLUMNS };
}

/** A closed window as an event. Its payload is the stored content, byte for byte. */
export function windowEvent(stored: StoredWindow, table: TableInfo): RowChange {
  const { content, number, pipeline } = stored;
  const version = windowVersion(number);
  // A content that was altered is anchored as it is: what counts is that it is seen.
  const closedAt = readWindow(content)?.closedAt ?? null;
  const event = {
    operation: 'insert',
    id: `windows:${pipeline}:${version}`,
    version,
    table,
    key: { pipeline },
    previousKey: null,
    before: null,
    after: rowOf(content, pipeline),
    unavailable: [],
    transaction: { xid: null, committedAt: closedAt },
    source: { kind: WINDOW_SOURCE, name: pipeline, systemIdentifier: null },
  } as const;
  return {
    ...event,
    canonicalRow: () => content,
    toJSON: () => event as unknown as JsonValue,
  };
}

function rowOf(content: string, pipeline: string): JsonRow {
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as JsonRow;
    }
  } catch {
    // As below.
  }
  return { pipeline };
}
