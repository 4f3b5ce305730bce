/** Writes the frames of the copy stream that hold messages of the plugin into a file, as they come. */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { WalReading } from '../../support/recorded-wal.ts';
import { serveParent } from '../../support/serve-parent.ts';
import { readReplicationSocket } from '../../yardsticks/replication-socket.ts';

serveParent({
  record: async ({
    file,
    reading,
  }: {
    readonly file: string;
    readonly reading: WalReading;
  }): Promise<void> => {
    const target = openSync(file, 'w');
    try {
      await readReplicationSocket({
        reading,
        onStart: () => undefined,
        onFrame: (frame) => writeSync(target, frame),
      });
    } finally {
      closeSync(target);
    }
  },
});
