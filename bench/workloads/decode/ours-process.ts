/** The decoder of the replication source, frames included. */
import { type ChangeEvent, isRowChange } from '@certyo-cdc/core';
import { serveParent } from '../../support/serve-parent.ts';
import { dropCanonicalBytes } from '../source/canonical-bytes.ts';
import { CHUNK_BYTES, type DecodeInput, measureDecoding } from './recording.ts';
import { streamDecoder } from './stream-decoder.ts';

/** Where values are put that were read, so that reading them is no work for nothing. */
let last: unknown = null;

/** Reads every column of the row object; gives how many it has. */
function readEveryColumn(event: ChangeEvent): number {
  if (!isRowChange(event) || event.after === null) return 0;
  const row = event.after;
  let columns = 0;
  for (const name of Object.keys(row)) {
    last = row[name];
    columns += last === undefined ? 0 : 1;
  }
  return columns;
}

async function decode(recording: Buffer, take: (event: ChangeEvent) => number): Promise<number> {
  const decoder = streamDecoder();
  let seen = 0;
  let pos = 0;
  while (pos < recording.length) {
    const bytes = recording.subarray(pos, pos + CHUNK_BYTES);
    const { consumed, error, events } = await decoder.decode(bytes, 0);
    if (error !== null) throw error;
    for (const event of events) if (take(event) > 0) seen += 1;
    pos += consumed;
  }
  return seen;
}

serveParent({
  canonicalBytes: (input: DecodeInput) =>
    measureDecoding(input, (recording) => decode(recording, dropCanonicalBytes)),
  rowObjects: (input: DecodeInput) =>
    measureDecoding(input, (recording) => decode(recording, readEveryColumn)),
});
