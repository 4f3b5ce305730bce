/**
 * pg-logical-replication as its README shows it, and nothing done with what it gives. It acknowledges by its timer only: by
 * default it writes a status update for every message, which would cost it several times as much.
 */
import { LogicalReplicationService, type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';
import type { DrainMeasure } from '../runner/drain.ts';
import { startMeter, type Usage } from '../support/meter.ts';
import type { WalReading } from '../support/recorded-wal.ts';
import { serveParent } from '../support/serve-parent.ts';

serveParent({
  drain: async (reading: WalReading): Promise<DrainMeasure> => {
    const { database, host, port, publication, slot, transactions, user } = reading;
    const service = new LogicalReplicationService(
      { database, host, port, user },
      { acknowledge: { auto: false, timeoutSeconds: 10 } },
    );
    const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [publication] });
    let rows = 0;
    let commits = 0;
    const usage = await new Promise<Usage>((resolve, reject) => {
      let stop = startMeter();
      service.on('start', () => {
        stop = startMeter();
      });
      service.on('data', (_lsn: string, log: Pgoutput.Message) => {
        if (log.tag === 'insert') rows += 1;
        else if (log.tag === 'commit') {
          commits += 1;
          if (commits === transactions) resolve(stop());
        }
      });
      service.on('error', reject);
      service.subscribe(plugin, slot).catch(reject);
    });
    await service.destroy();
    return { rows, ...usage };
  },
});
