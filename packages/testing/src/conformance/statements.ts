import { type ChangeEvent, isRowChange, type RowChange } from '@certyo-cdc/core';

import type { ChangeSourceFixture, RowStatement } from './change-source-harness.ts';

export function insert(id: number, value: string = `first ${id}`): RowStatement {
  return { operation: 'insert', id, value };
}

export function update(id: number, value: string): RowStatement {
  return { operation: 'update', id, value };
}

/** The transactions that most tests commit: changes of one row again and again, a row that comes back, one that is gone. */
export const HISTORY: readonly (readonly RowStatement[])[] = [
  [insert(1), insert(2)],
  [update(1, 'second 1')],
  [update(2, 'second 2'), update(1, 'third 1'), insert(3)],
  [{ operation: 'delete', id: 2 }],
  [insert(2, 'again')],
  [{ operation: 'delete', id: 3 }],
];

/** Commits transactions one after the other. */
export async function commitAll(
  fixture: ChangeSourceFixture,
  history: readonly (readonly RowStatement[])[] = HISTORY,
): Promise<void> {
  for (const statements of history) await fixture.commit(statements);
}

/** The changes of rows. Other events (a table's columns, for example) may stand between them. */
export function rowsOf(events: readonly ChangeEvent[]): readonly RowChange[] {
  return events.filter((event) => isRowChange(event));
}

/** An event as a statement, to compare. */
export function statementOf(event: RowChange): RowStatement {
  const { key, operation } = event;
  const id = Number(key['id']);
  if (operation === 'delete') return { operation, id };
  if (operation === 'snapshot') throw new Error('A change was expected, not a snapshot.');
  return { operation, id, value: valueOf(event) };
}

/** The value that the event shows. */
export function valueOf(event: RowChange): string {
  const value = event.after?.['value'];
  if (typeof value !== 'string') throw new Error('The column `value` is missing.');
  return value;
}

/** What must be the same whenever an event is read. */
export interface EventIdentity {
  readonly id: string;
  readonly operation: string;
  readonly version: string;
  readonly payload: string;
}

export function identity(event: RowChange): EventIdentity {
  const { id, operation, version } = event;
  return { id, operation, version, payload: event.canonicalRow() };
}
