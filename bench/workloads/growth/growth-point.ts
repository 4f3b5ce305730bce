import type { PostgresServer, TestDatabase } from '@certyo-cdc/testing';
import { benchSource, type BenchSourceOptions } from '../../support/bench-source.ts';
import type { HttpReceiver } from '../../support/http-receiver.ts';
import { RunningPipeline } from '../../support/running-pipeline.ts';

/** One size of what grows. */
export interface GrowthPoint {
  /** Events, tables, bytes or columns. */
  readonly x: number;
  /** `schema.table` */
  readonly tables: readonly string[];
  /** Makes the tables. */
  create(database: TestDatabase): Promise<void>;
  /** Writes rows of the kind that is measured; before that, some to warm up with. */
  write(database: TestDatabase, rows: number): Promise<void>;
  /** Writes so much beforehand that everything is compiled, and that the server has described every table. */
  warmUp(database: TestDatabase): Promise<void>;
  /** How many are measured. */
  readonly rows: number;
  /** The most that are written at a time. */
  readonly chunkRows: number;
}

/**
 * CPU seconds of one event of the whole pipeline: it runs and has warmed up; it is frozen while rows are written, so that it
 * finds them all at once, and measured until all are acknowledged. No chunk takes so long that the connection counts as
 * dead.
 */
export async function cpuOfAnEvent(
  point: GrowthPoint,
  server: PostgresServer,
  receiver: HttpReceiver,
  signal: AbortSignal,
): Promise<number> {
  await using database = await server.createDatabase();
  await point.create(database);
  const source: BenchSourceOptions = {
    kind: 'replication',
    url: database.url,
    tables: point.tables,
    slot: database.database,
  };
  await benchSource(source).setup();
  const options = { source, receiver: receiver.url, maxItems: 1_000 };
  await using pipeline = await RunningPipeline.start(options, signal);
  await pipeline.begin();
  await point.warmUp(database);
  const before = await pipeline.caughtUp();
  await pipeline.begin();
  let usage = await pipeline.now();
  for (let written = 0; written < point.rows; written += point.chunkRows) {
    signal.throwIfAborted();
    const rows = Math.min(point.chunkRows, point.rows - written);
    await pipeline.frozen(() => point.write(database, rows));
    usage = await pipeline.caughtUp();
  }
  const delivered = usage.delivered - before.delivered;
  if (delivered !== point.rows) throw new Error(`${delivered} of ${point.rows} came.`);
  await pipeline.drain();
  return usage.cpuSeconds / point.rows;
}
