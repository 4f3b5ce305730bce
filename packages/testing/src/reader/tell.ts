import { type ChangeEvent, isRowChange } from '@certyo-cdc/core';

/** An event in one line: `insert t {"id":1,…}`. */
export function tell(event: ChangeEvent): string {
  if (isRowChange(event)) return `${event.operation} ${event.table.name} ${event.canonicalRow()}`;
  if (event.operation === 'message') return 'message';
  if (event.operation === 'gap') return `gap ${event.code}`;
  return `${event.operation} ${event.table.name}`;
}
