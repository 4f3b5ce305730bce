/** Reads a source that spools to the folder of the first argument, and reports what came and the most that it held. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { replicationSource } from '@certyo-cdc/replication';

const directory = process.argv[2] ?? '';
const { signal } = new AbortController();
const stream = await replicationSource({ tables: ['big'], streaming: { directory } }).open({
  after: null,
  signal,
});

let events = 0;
let maxSpoolBytes = 0;

/** Bytes of all files in the spool; one may go while we look. */
function spoolBytes(): number {
  let bytes = 0;
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.spool')) continue;
    bytes += statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

setInterval(() => {
  maxSpoolBytes = Math.max(maxSpoolBytes, spoolBytes());
}, 100);

process.on('message', () => {
  void (async () => {
    await stream.caughtUp({ signal });
    process.send?.({ events, maxSpoolBytes, maxRssBytes: process.resourceUsage().maxRSS * 1024 });
  })();
});

process.send?.('started');
for await (const batch of stream) events += batch.events.length;
