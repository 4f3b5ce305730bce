/** The parser of pg-logical-replication, called as its service calls it: with a part of the chunk that holds the message. */
import { PgoutputPlugin } from 'pg-logical-replication';
import { serveParent } from '../support/serve-parent.ts';
import { type DecodeInput, framesOf, measureDecoding } from '../workloads/decode/recording.ts';

function decode(recording: Buffer): number {
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: ['bench'] });
  let seen = 0;
  for (const { at, end } of framesOf(recording)) {
    const message = plugin.parse(recording.subarray(at, end));
    if (message.tag === 'insert') seen += 1;
  }
  return seen;
}

serveParent({ decode: (input: DecodeInput) => measureDecoding(input, decode) });
