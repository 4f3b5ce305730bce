import { type Checkpoint, JsonNumber, type JsonValue, type Position } from '@certyo-cdc/core';
import { unchangingJson } from '@certyo-cdc/core/internal';
import { describe, expect, test } from 'vitest';

import { WrittenState } from './written-state.ts';

function at(position: string, state: JsonValue, more: Partial<Checkpoint> = {}): WrittenState {
  const checkpoint = { kind: 'k', identity: { a: 1 }, position: position as Position, epoch: 1 };
  return new WrittenState({ ...checkpoint, state, ...more });
}

describe(WrittenState, () => {
  test('is the same at another position and in another epoch', () => {
    expect(at('1', { a: [1, null] }).equals(at('2', { a: [1, null] }, { epoch: 2 }))).toBe(true);
    expect(at('1', null).equals(at('2', null))).toBe(true);
    const big = new JsonNumber('1.00');
    expect(at('1', big as unknown as JsonValue).equals(at('2', 'x'))).toBe(false);
  });

  test('is another one when anything of it is another one', () => {
    const one = at('1', { a: 1, b: [1] });
    for (const state of [{ a: 1 }, { a: 1, b: [2] }, { a: 1, c: [1] }, [1], null, 'x']) {
      expect(one.equals(at('1', state))).toBe(false);
      expect(at('1', state).equals(one)).toBe(false);
    }
    const state = { a: 1, b: [1] };
    expect(one.equals(at('1', state, { kind: 'other' }))).toBe(false);
    expect(one.equals(at('1', state, { identity: { a: 2 } }))).toBe(false);
    expect(one.equals(at('1', state))).toBe(true);
  });

  test('what its source goes on changing is noticed, also within a frozen object', () => {
    const cursor = { row: 1 };
    const state = { tables: Object.freeze({ orders: cursor }) };
    const before = at('1', state);
    cursor.row = 2;
    expect(before.equals(at('1', state))).toBe(false);
  });

  test('what never changes is not looked through: another object is another state', () => {
    let reads = 0;
    const relation = Object.defineProperty({ oid: 1 }, 'name', {
      enumerable: true,
      get: () => {
        reads += 1;
        return 'orders';
      },
    });
    const relations = unchangingJson([relation]);
    expect(at('1', { relations }).equals(at('2', { relations }))).toBe(true);
    expect(reads).toBe(0);
    expect(at('1', { relations }).equals(at('2', { relations: [relation] }))).toBe(false);
    expect(at('1', { relations }).equals(at('2', { relations: unchangingJson([]) }))).toBe(false);
  });
});
