/**
 * A pipeline that polls goes over to a change log, then to replication, while others write. In the end the database's own
 * history of the table is compared with what Certyo holds.
 */
import { certyoSink, type ChangeSource, createPipeline, type Pipeline } from '@certyo-cdc/core';
import { listenNotifySource } from '@certyo-cdc/listen-notify';
import { pollingSource } from '@certyo-cdc/polling';
import { replicationSource } from '@certyo-cdc/replication';
import { startCertyoEmulator, startPostgres } from '@certyo-cdc/testing';
import { type Committed, compare, TABLES } from './history.ts';
import { switchSource } from './switch-source.ts';
import { startWriters } from './writers.ts';

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

await using postgres = await startPostgres();
await using database = await postgres.createDatabase();
await using certyo = await startCertyoEmulator();
for (const statement of TABLES) await database.query(statement);

const tables = ['public.orders'];
const connection = database.url;
const makePipeline = (source: ChangeSource): Pipeline =>
  createPipeline(
    source,
    certyoSink({ baseUrl: certyo.url, apiKey: certyo.apiKey, tenantId: certyo.tenantId }),
    // One name for all: it is one pipeline, whose versions go on.
    { name: 'orders' },
  );

const polling = pollingSource({ connection, tables });
await polling.setup();
let pipeline = makePipeline(polling);
await pipeline.start();
const writers = await startWriters(database, 3);
say('polling');
await sleep(2000);

const log = listenNotifySource({ connection, tables, replaces: 'polling' });
pipeline = await switchSource(pipeline, log, makePipeline);
const [since] = await database.query<{ n: number }>('SELECT max(n) AS n FROM history');
say('went over to the change log: from here on every version is seen');
// What the old source left in the database is of no use any more, and costs the writers something.
await polling.teardown();
await sleep(2000);

const replication = replicationSource({ connection, tables, replaces: 'listen-notify' });
pipeline = await switchSource(pipeline, replication, makePipeline);
say('went over to replication');
await log.teardown();
await sleep(2000);

await writers.stop();
await pipeline.caughtUp();
await pipeline.drain();

const committed = await database.query<Committed & object>(
  'SELECT n, id, write FROM history ORDER BY n',
);
const result = compare(committed, certyo.records({ collection: 'public.orders' }), since?.n ?? 0);
say(JSON.stringify(result));
process.exitCode = result.wrong + result.lost + result.disordered === 0 ? 0 : 1;
