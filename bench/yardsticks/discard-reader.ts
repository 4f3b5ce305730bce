/** A bare client that throws the bytes away: no client can be faster than the server sends. */
import type { DrainMeasure } from '../runner/drain.ts';
import { startMeter } from '../support/meter.ts';
import type { WalReading } from '../support/recorded-wal.ts';
import { serveParent } from '../support/serve-parent.ts';
import { readReplicationSocket } from './replication-socket.ts';

/** How the bytes are thrown away. */
export interface DiscardInput extends WalReading {
  readonly restMs?: number | undefined;
}

serveParent({
  drain: async (reading: DiscardInput): Promise<DrainMeasure> => {
    let stop = startMeter();
    await readReplicationSocket({
      reading,
      restMs: reading.restMs,
      onStart: () => {
        stop = startMeter();
      },
    });
    return { rows: reading.rows, ...stop() };
  },
});
