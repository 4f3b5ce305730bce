import { hash } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { SeenRecords } from './seen-records.ts';

function key(value: number): string {
  return hash('sha256', String(value), 'hex').slice(0, 32);
}

describe('SeenRecords', () => {
  test('knows what was added, however many, and nothing else', () => {
    const seen = new SeenRecords();
    for (let value = 0; value < 20_000; value += 1) seen.add(key(value));
    seen.add(key(7));
    expect(seen.size).toBe(20_000);
    for (let value = 0; value < 20_000; value += 1) expect(seen.has(key(value))).toBe(true);
    for (let value = 20_000; value < 40_000; value += 1) expect(seen.has(key(value))).toBe(false);
  });

  test('a key may have hyphens, and be zero', () => {
    const seen = new SeenRecords();
    const zero = '00000000-0000-0000-0000-000000000001';
    expect(seen.has(zero)).toBe(false);
    seen.add(zero.replaceAll('-', ''));
    expect(seen.has(zero)).toBe(true);
  });
});
