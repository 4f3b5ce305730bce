import {
  type ChangeBatch,
  type ChangeSource,
  type Checkpoint,
  isRowChange,
  type RowChange,
} from '@certyo-cdc/core';

/** What a life was given that ended in the middle of a copy. */
export interface FirstPart {
  readonly after: Checkpoint;
  readonly rows: readonly RowChange[];
}

/**
 * Reads a copy as far as its second end, acknowledges that, and closes the stream: the first end says that the copy has
 * begun, the second that a part of a table is copied. No batch behind it is asked for.
 */
export async function readFirstPart(source: ChangeSource): Promise<FirstPart> {
  const { signal } = new AbortController();
  await using stream = await source.open({ after: null, signal });
  const batches = stream[Symbol.asyncIterator]();
  const rows: RowChange[] = [];
  for (let ends = 0; ;) {
    const { value } = (await batches.next()) as IteratorYieldResult<ChangeBatch>;
    rows.push(...value.events.filter(isRowChange));
    if (value.end === null) continue;
    ends += 1;
    const after = stream.checkpoint(value.end);
    await stream.acknowledge(value.end);
    if (ends === 2) return { after, rows };
  }
}
