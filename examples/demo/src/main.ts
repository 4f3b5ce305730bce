import { setTimeout as sleep } from 'node:timers/promises';
import {
  compareEffects,
  countHistory,
  installHistory,
  startCertyoEmulator,
  startPostgres,
} from '@certyo-cdc/testing';
import { replicationSource } from '@certyo-cdc/replication';
import { loadDatasets } from './datasets.ts';
import { isClean, jsonLine, table } from './report.ts';
import { Worker } from './worker.ts';
import { createTables, planWorkload } from './workload.ts';

const USAGE = `usage: demo [--json]

A real PostgreSQL and a Certyo emulator are started; films, airports and earthquakes are inserted, updated and deleted
while a pipeline delivers every change; the pipeline is killed and started again; in the end what Certyo holds is
compared with what the database committed, version by version.

  --json   print one JSON object as the last line`;

/** The pipeline is killed after these shares of the workload. */
const KILL_AT = [0.25, 0.5, 0.75];

const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(`${USAGE}\n`);
} else {
  const unknown = args.find((arg) => arg !== '--json');
  if (unknown === undefined) {
    process.exitCode = await run({ json: args.includes('--json') });
  } else {
    process.stderr.write(`Unknown option ${unknown}.\n\n${USAGE}\n`);
    process.exitCode = 2;
  }
}

async function run({ json }: { readonly json: boolean }): Promise<number> {
  const startedAtMs = Date.now();
  const say = (text: string): void => {
    const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
    process.stderr.write(`${seconds.padStart(6)} s  ${text}\n`);
  };
  const datasets = await loadDatasets();
  const tables = datasets.map(({ schema, name, key }) => ({ schema, name, key }));
  await using postgres = await startPostgres({ major: 18 });
  await using emulator = await startCertyoEmulator({ batchAgeMs: 500, anchorDelayMs: 200 });
  say(`PostgreSQL ${postgres.version} and a Certyo emulator are up`);

  const database = await postgres.createDatabase();
  const client = await postgres.client({ database: database.database });
  const query = async (
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<readonly Record<string, unknown>[]> =>
    (await client.query<Record<string, unknown>>(sql, [...values])).rows;
  await createTables(client, datasets);
  await installHistory(query, tables);
  const names = tables.map(({ schema, name }) => `${schema}.${name}`);
  const statements = await replicationSource({
    connection: database.url,
    tables: names,
  }).setup();
  say(`setup made what was missing (${statements.length} statements)`);

  const worker = new Worker(
    { PG_DSN: database.url, DEMO_TABLES: names.join(','), ...emulator.environment },
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

  const comparison = await compareEffects(query, tables, emulator.records(), {
    fullRows: new Set(['public.earthquakes']),
  });
  const seconds = Math.round((Date.now() - startedAtMs) / 100) / 10;
  const result = { comparison, restarts, seconds };
  process.stderr.write(`\n${table(result)}\n`);
  if (json) process.stdout.write(`${jsonLine(result)}\n`);
  return isClean(result) ? 0 : 1;
}
