import { describe, expect, test } from 'vitest';

import { rowChange } from '../certyo/test-event.ts';
import type { RowChange } from '../event/change-event.ts';
import { recordMapper } from './record-mapper.ts';
import { spreadable } from './row-change-view.ts';

/** As sources make them: nothing of its fields is its own. */
function ofClass(event: RowChange): RowChange {
  return Object.create(event) as RowChange;
}

describe('spreadable', () => {
  test('an event whose fields are not its own is seen with all of them, read when they are looked at', () => {
    const event = rowChange();
    let reads = 0;
    const inner: RowChange = Object.create(event, {
      after: {
        get: () => {
          reads += 1;
          return event.after;
        },
      },
    }) as RowChange;
    Object.setPrototypeOf(inner, event);
    const view = spreadable(Object.create(inner) as RowChange);
    expect(reads).toBe(0);
    expect({ ...view }).toMatchObject({
      id: event.id,
      version: event.version,
      operation: event.operation,
      key: event.key,
      after: event.after,
      before: null,
      unavailable: [],
    });
    expect(reads).toBe(1);
    expect(view.canonicalRow()).toBe(event.canonicalRow());
    expect(JSON.stringify(view)).toBe(JSON.stringify(event));
    expect(() => Object.assign(view, { id: 'another' })).toThrow(TypeError);
  });

  test('one that has its fields itself is left as it is', () => {
    const event = rowChange();
    expect(spreadable(event)).toBe(event);
  });
});

describe('recordMapper', () => {
  test('a function that takes the event can spread it', () => {
    const event = ofClass(rowChange());
    for (const payload of [
      (_row: object, seen: object) => ({ ...seen }),
      (...given: readonly object[]) => ({ ...given[1] }),
    ]) {
      const table = `${event.table.schema}.${event.table.name}`;
      const mapped = recordMapper({ [table]: { payload } }).map(event);
      expect(JSON.parse(mapped?.payload ?? '{}')).toMatchObject({
        id: event.id,
        after: event.after,
      });
    }
  });
});
