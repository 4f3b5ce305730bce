/** The whole pipeline: replication source, mapping, lanes, bulk requests over HTTP, checkpoints, acknowledgement. */
import { certyoSink, createPipeline, type JsonRow, recordMapper } from '@certyo-cdc/core';
import { replicationSource } from '@certyo-cdc/replication';
import { postgresReceiptStore } from '@certyo-cdc/verification';
import type { DrainMeasure } from '../../runner/drain.ts';
import { startMeter } from '../../support/meter.ts';
import type { WalReading } from '../../support/recorded-wal.ts';
import { serveParent } from '../../support/serve-parent.ts';

/** What a pipeline reads, and where it delivers. */
export interface PipelineInput extends WalReading {
  readonly receiver: string;
  /** Whether a mapper makes the payload of the row object, with every column read. */
  readonly hasMapper: boolean;
  /** The database that keeps a receipt of every record before it is acknowledged; null for none. */
  readonly receipts: string | null;
}

/** Reads every column, and makes an object of its own of them. */
function payload(row: JsonRow): JsonRow {
  return Object.fromEntries(Object.entries(row));
}

serveParent({
  drain: async (input: PipelineInput): Promise<DrainMeasure> => {
    const { hasMapper, publication, receipts, receiver, rows, slot, table, url } = input;
    await using store = receipts === null ? null : postgresReceiptStore({ connection: receipts });
    const source = replicationSource({ connection: url, tables: [table], slot, publication });
    const sink = certyoSink({
      apiKey: 'key-of-the-benchmark',
      tenantId: 'tenant-of-the-benchmark',
      baseUrl: receiver,
      ...(hasMapper ? { mapper: recordMapper({ [table]: { payload } }) } : {}),
      ...(store === null ? {} : { receipts: store }),
    });
    // As many records in a request as the API takes; everything else as it is by default.
    const pipeline = createPipeline(source, sink, { batch: { maxItems: 1_000 } });
    await pipeline.start();
    const stop = startMeter();
    await pipeline.caughtUp();
    const usage = stop();
    const { delivered, replayed, retried } = pipeline.status();
    await pipeline.drain();
    if (delivered !== rows || replayed > 0 || retried > 0)
      throw new Error(`${delivered} of ${rows} delivered, ${retried} sent again.`);
    return { rows: delivered, ...usage };
  },
});
