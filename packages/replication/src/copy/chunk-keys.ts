import { isRowChange } from '@certyo-cdc/core';
import type { Chunk } from './chunk-reader.ts';
import type { CopiedTable } from './copied-table.ts';
import { type CopiedAt, copiedEvents } from './row-events.ts';

const NOWHERE: CopiedAt = {
  source: { kind: 'replication', name: '', systemIdentifier: '' },
  epoch: 0,
  position: 0n,
  copy: '',
};

/** The keys of a chunk's rows. Where they will be put does not matter to them. */
export function* keysOf(table: CopiedTable, chunk: Pick<Chunk, 'pieces'>): Generator<object> {
  for (const rows of chunk.pieces) {
    for (const event of copiedEvents(table, rows, NOWHERE, '', 0)) {
      if (isRowChange(event)) yield event.key;
    }
  }
}
