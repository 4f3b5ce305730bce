/** pgwire as its README shows it, and nothing done with what it gives. */
import { pgconnection } from 'pgwire';
import type { DrainMeasure } from '../runner/drain.ts';
import { startMeter } from '../support/meter.ts';
import type { WalReading } from '../support/recorded-wal.ts';
import { serveParent } from '../support/serve-parent.ts';

serveParent({
  drain: async (reading: WalReading): Promise<DrainMeasure> => {
    const { database, host, port, publication, slot, transactions, user } = reading;
    const connection = pgconnection({ replication: 'database', database, host, port, user });
    // Connects.
    await connection.query('IDENTIFY_SYSTEM');
    const stream = connection.logicalReplication({
      slot,
      options: { proto_version: 1, publication_names: publication },
    });
    let rows = 0;
    let commits = 0;
    const stop = startMeter();
    for await (const { lastLsn, messages } of stream.pgoutputDecode()) {
      for (const message of messages) {
        if (message.tag === 'insert') rows += 1;
        else if (message.tag === 'commit') commits += 1;
      }
      stream.ack(lastLsn);
      // Leaving the loop waits for the server to end the stream.
      if (commits === transactions) return { rows, ...stop() };
    }
    throw new Error('The server ended the stream.');
  },
});
