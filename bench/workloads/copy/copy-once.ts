import { replicationSource } from '@certyo-cdc/replication';
import type { DrainMeasure } from '../../runner/drain.ts';
import { askOnce } from '../../support/measured-process.ts';
import type { CopyTask } from '../../yardsticks/psql-copy.ts';

/** What the child is asked. */
export interface CopyOptions {
  readonly url: string;
  readonly table: string;
  readonly slot: string;
  /** Has the canonical bytes of every row written; else the rows are never looked at. */
  readonly takesBytes: boolean;
}

const SLOT = 'bench_copy';
const PROGRAM = new URL('./copy-process.ts', import.meta.url);

/**
 * Takes a first copy of one table in a process of its own, and removes the slot and what is remembered of the copy.
 * Time counts from the making of the slot until the source has caught up.
 */
export async function copyOnce(
  { rows, table, url }: CopyTask,
  { signal, takesBytes }: { readonly signal: AbortSignal; readonly takesBytes: boolean },
): Promise<DrainMeasure> {
  const source = replicationSource({ connection: url, tables: [table], slot: SLOT, copy: true });
  await source.setup();
  try {
    const options: CopyOptions = { url, table, slot: SLOT, takesBytes };
    const measure = await askOnce<DrainMeasure>(PROGRAM, 'copy', options, { signal });
    if (measure.rows !== rows) throw new Error(`${measure.rows} of ${rows} rows were copied.`);
    return measure;
  } finally {
    await source.teardown({ state: true });
  }
}
