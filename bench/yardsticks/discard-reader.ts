/** A bare client that throws the bytes away: no client can be faster than the server sends. */
import type { DrainMeasure } from '../runner/drain.ts';
import { startMeter } from '../support/meter.ts';
import type { WalReading } from '../support/recorded-wal.ts';
import { serveParent } from '../support/serve-parent.ts';
import { readReplicationSocket } from './replication-socket.ts';

serveParent({
  drain: async (reading: WalReading): Promise<DrainMeasure> => {
    let stop = startMeter();
    await readReplicationSocket({
      reading,
      onStart: () => {
        stop = startMeter();
      },
    });
    return { rows: reading.rows, ...stop() };
  },
});
