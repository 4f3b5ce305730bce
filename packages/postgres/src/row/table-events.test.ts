import { describe, expect, test } from 'vitest';

import { createLogicalMessage, createSchemaChange, createTruncate } from './table-events.ts';

const BASE = {
  id: 'e1',
  version: 'v1',
  transaction: { xid: '7', committedAt: '2026-01-31T12:00:00.000000Z' },
  source: { kind: 'memory', name: 'test', systemIdentifier: '1' },
};

const TABLE = { database: 'shop', schema: 'public', name: 'item', oid: 1, columns: [] };

describe('events that are not about one row', () => {
  const events = [
    createTruncate({ ...BASE, table: TABLE, cascade: true, restartIdentity: false }),
    createSchemaChange({ ...BASE, table: TABLE, previousColumns: null }),
    createLogicalMessage({
      ...BASE,
      prefix: 'p',
      content: new Uint8Array([0, 1, 255]).subarray(1),
      transactional: true,
    }),
  ];

  test('are frozen, and are the same after a copy', () => {
    for (const event of events) {
      expect(Object.isFrozen(event)).toBe(true);
      expect(JSON.stringify({ ...event })).toBe(JSON.stringify(event));
    }
  });

  test('JSON.stringify gives every field; content is hex', () => {
    expect(events.map((event) => JSON.parse(JSON.stringify(event)) as unknown)).toEqual([
      { ...BASE, operation: 'truncate', table: TABLE, cascade: true, restartIdentity: false },
      { ...BASE, operation: 'schema', table: TABLE, previousColumns: null },
      { ...BASE, operation: 'message', prefix: 'p', content: '\\x01ff', transactional: true },
    ]);
  });
});
