import { describe, expect, test } from 'vitest';

import { laneOf } from './certyo-item.ts';

describe('laneOf', () => {
  test.each([
    '1001',
    '',
    'a "quoted" one',
    'back\\slash',
    'Zoë 顧客',
    'line\nbreak',
    '["1","2"]',
    '\ud800',
  ])(
    'I3: is a JSON array of the three names: parked lanes outlive the process (%j)',
    (recordId) => {
      const names = { database: 'shop', collection: 'public.orders', recordId };
      const item = { ...names, recordVersion: '1', idempotencyKey: 'k', body: Buffer.alloc(0) };
      expect(laneOf(item)).toBe(JSON.stringify(['shop', 'public.orders', recordId]));
    },
  );
});
