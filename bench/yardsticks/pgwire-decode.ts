/**
 * The pgoutput decoder of pgwire, fed as its own stream feeds it: with the messages that came in one read. The columns of its
 * rows are turned into values when they are read.
 */
import { pgconnection, type ReplicationChunk } from 'pgwire';
import { serveParent } from '../support/serve-parent.ts';
import {
  CHUNK_BYTES,
  type DecodeInput,
  framesOf,
  measureDecoding,
} from '../workloads/decode/recording.ts';

interface XLogData {
  readonly tag: 'XLogData';
  readonly lsn: string;
  readonly endLsn: string;
  readonly time: bigint;
  readonly data: Uint8Array;
}

/** The messages of a recording, as many at once as one read brings. */
async function* chunksOf(recording: Buffer): AsyncGenerator<ReplicationChunk<XLogData>> {
  let messages: XLogData[] = [];
  let chunkEnd = CHUNK_BYTES;
  for (const { at, end } of framesOf(recording)) {
    messages.push({
      tag: 'XLogData',
      lsn: '',
      endLsn: '',
      time: 0n,
      data: recording.subarray(at, end),
    });
    if (end < chunkEnd) continue;
    yield { lastLsn: '', messages };
    messages = [];
    chunkEnd = end + CHUNK_BYTES;
  }
  yield { lastLsn: '', messages };
}

/** Where values are put that were read, so that reading them is no work for nothing. */
let last: unknown = null;

async function decode(
  recording: Buffer,
  take: (row: Readonly<Record<string, unknown>>) => void,
): Promise<number> {
  // Its decoder is no export: the method is taken from a stream that is never begun.
  const { pgoutputDecode } = pgconnection().logicalReplication({ slot: 'bench', options: {} });
  let seen = 0;
  for await (const { messages } of pgoutputDecode.call(chunksOf(recording))) {
    for (const { after, tag } of messages) {
      if (tag !== 'insert' || after === null || after === undefined) continue;
      take(after);
      seen += 1;
    }
  }
  return seen;
}

serveParent({
  rowObjects: (input: DecodeInput) =>
    measureDecoding(input, (recording) => decode(recording, () => undefined)),
  allColumns: (input: DecodeInput) =>
    measureDecoding(input, (recording) =>
      decode(recording, (row) => {
        // Its columns are getters of the row's prototype.
        for (const name in row) last = row[name];
        if (last === undefined) throw new Error('A column without a value.');
      }),
    ),
});
