import { setTimeout as sleep } from 'node:timers/promises';
import {
  compareEffects,
  compareFinalStates,
  type Comparison,
  countHistory,
  installHistory,
  type OracleQuery,
  type PostgresServer,
  startCertyoEmulator,
} from '@certyo-cdc/testing';
import { postgresReceiptStore } from '@certyo-cdc/verification';
import type { Dataset } from './datasets.ts';
import type { DemoResult } from './report.ts';
import { makeSource, type SourceName } from './sources.ts';
import { verifyReceipts } from './verify-receipts.ts';
import { Worker } from './worker.ts';
import { createTables, planWorkload } from './workload.ts';

/** The pipeline is killed after these shares of the workload. */
const KILL_AT = [0.25, 0.5, 0.75];

/** The whole workload in a database of its own, captured by one source and compared. */
export async function runSource(
  name: SourceName,
  postgres: PostgresServer,
  datasets: readonly Dataset[],
  say: (text: string) => void,
): Promise<DemoResult> {
  const startedAtMs = Date.now();
  const tables = datasets.map(({ schema, name: table, key }) => ({ schema, name: table, key }));
  await using emulator = await startCertyoEmulator({ batchAgeMs: 500, anchorDelayMs: 200 });
  await using database = await postgres.createDatabase();
  const client = await database.client();
  const query: OracleQuery = async (sql, values = []) =>
    (await client.query<Record<string, unknown>>(sql, [...values])).rows;
  await createTables(client, datasets);
  await installHistory(query, tables);
  const names = tables.map((table) => `${table.schema}.${table.name}`);
  const source = makeSource(name, { connection: database.url, tables: names });
  const receipts = postgresReceiptStore({ connection: database.url });
  const { signal } = new AbortController();
  const statements = [...(await source.setup()), ...(await receipts.setup({ signal }))];
  say(`setup made what was missing (${statements.length} statements)`);

  const worker = new Worker(
    {
      PG_DSN: database.url,
      DEMO_SOURCE: name,
      DEMO_TABLES: names.join(','),
      ...emulator.environment,
    },
    process.stderr,
  );
  await worker.start();
  say('the pipeline runs');

  const steps = planWorkload(datasets);
  const killAt = KILL_AT.map((share) => Math.floor(share * steps.length));
  let restarts = 0;
  // The database goes on while the pipeline is away.
  let restarting = Promise.resolve();
  let effectsAtRestart = 0;
  for (const [i, step] of steps.entries()) {
    await step(client);
    if (killAt.includes(i)) {
      await restarting;
      // A life that delivers nothing would prove nothing.
      while (emulator.counters.effects < effectsAtRestart + 1000) {
        if (!worker.isAlive) throw new Error('The pipeline ended by itself.');
        await sleep(20);
      }
      await worker.kill();
      restarts += 1;
      say(
        `killed the pipeline (-9) after ${await countHistory(query)} changes; ${emulator.counters.effects} are accepted`,
      );
      effectsAtRestart = emulator.counters.effects;
      restarting = worker.start();
    }
    if (i % 60 === 59) {
      say(
        `${await countHistory(query)} changes committed, ${emulator.counters.effects} accepted, ${emulator.counters.anchored} anchored`,
      );
    }
  }
  await restarting;
  say('all is committed; waiting for the rest');
  await worker.drain();
  await emulator.waitUntilAnchored();
  say('everything is anchored; comparing with what the database committed');
  const verified = await verifyReceipts(receipts, emulator);
  await receipts.close();
  const comparison = await compare(name, query, tables, emulator.records());
  const seconds = Math.round((Date.now() - startedAtMs) / 100) / 10;
  return { comparison, effects: emulator.counters.effects, receipts: verified, restarts, seconds };
}

/** A trigger shows the whole old row of a delete; replication does where the table has REPLICA IDENTITY FULL. */
function compare(
  name: SourceName,
  query: OracleQuery,
  tables: Parameters<typeof compareEffects>[1],
  effects: Parameters<typeof compareEffects>[2],
): Promise<Comparison> {
  const all = new Set(tables.map((table) => `${table.schema}.${table.name}`));
  switch (name) {
    case 'polling':
      return compareFinalStates(query, tables, effects, { fullRows: all });
    case 'listen-notify':
      return compareEffects(query, tables, effects, { fullRows: all });
    case 'replication':
      return compareEffects(query, tables, effects, { fullRows: new Set(['public.earthquakes']) });
  }
}
