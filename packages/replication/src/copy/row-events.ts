import type { ChangeEvent, EventSource } from '@certyo-cdc/core';
import { createSnapshots, type RowBlock, versionText } from '@certyo-cdc/postgres';
import { type Lsn, sortableLsn } from '../protocol/lsn.ts';
import type { CopiedTable } from './copied-table.ts';

/** Where in the stream copied rows are put. */
export interface CopiedAt {
  readonly source: EventSource & { readonly systemIdentifier: string };
  readonly epoch: number;
  /** The rows are as every transaction up to here left them. */
  readonly position: Lsn;
  /** Names the copy within its position: `copy`, or `copy-` and the backfill's id. */
  readonly copy: string;
}

/**
 * Makes the events of copied rows.
 *
 * Their version lies above that of every change up to the position and below that of every change behind it.
 *
 * @param first The number of the first row; the same row of the same copy has the same one whenever it is read.
 */
export function copiedEvents(
  table: CopiedTable,
  rows: RowBlock,
  at: CopiedAt,
  first: string,
  number: number,
): readonly ChangeEvent[] {
  const position = sortableLsn(at.position);
  const version = versionText(at.epoch, position, 0);
  const prefix = `${at.source.systemIdentifier}/${position}/${at.copy}/${table.label}/${first}`;
  const { descriptor } = table.relation;
  const { source } = at;
  return createSnapshots(
    { descriptor, id: prefix, version, transaction: null, source },
    rows,
    number,
  );
}
