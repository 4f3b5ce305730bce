import type { Campaign } from './runner/campaign.ts';
import {
  CAPTURED_SCHEMA_SQL,
  capturedWriteSql,
  changeLogSourceOf,
  tablesOf,
} from './schedules/change-log-target.ts';
import { RowStates } from './schedules/row-states.ts';
import type { Version } from './schedules/schedule.ts';
import { StreamReader } from './schedules/stream-reader.ts';
import { runStress, stressResult, type StressTarget } from './schedules/stress.ts';

const LOG = 'armed_log';
const [TABLE = ''] = tablesOf(LOG);
const PAGE_ROWS = 100;

/** A captured table whose writers ring when the reader sleeps. */
const CHANGE_LOG: StressTarget<'stream'> = {
  readings: ['stream'],
  begin: async (database, keys) => {
    await database.query(CAPTURED_SCHEMA_SQL);
    await changeLogSourceOf(database.url, LOG).setup();
    await database.query(
      `INSERT INTO ${TABLE} (key, version) SELECT key, 0 FROM unnest($1::int8[]) AS key`,
      [keys],
    );
  },
  open: async (database) => {
    const states = new RowStates();
    const client = await database.client();
    const source = changeLogSourceOf(database.url, LOG, PAGE_ROWS);
    const reader = new StreamReader(source, client, (event) => states.take(event));
    await reader.open();
    return {
      read: () => Promise.resolve(reader.take()),
      restart: () => reader.reopen(),
      finish: () => reader.finish(),
      verdict: () => states.verdict(client, TABLE, 0),
      close: () => reader.close(),
    };
  },
  writeSql: (write) => capturedWriteSql(TABLE, write),
  // Every write is an update, and those that were rolled back left no number.
  committed: (database) =>
    database.query<Version & Record<string, unknown>>(
      `SELECT key::int AS key, n AS version, 'update' AS operation
         FROM ${TABLE}, generate_series(1, version) AS n ORDER BY key, n`,
    ),
};

export const campaign: Campaign = {
  name: 'change-log-stress',
  description:
    '8 writers through the triggers with rollbacks for 60 seconds, at least 20,000 events: the stream of the change log loses and reorders nothing.',
  runs: 60,
  run: async (options) => {
    const result = await runStress(CHANGE_LOG, { ...options, seconds: options.runs });
    return stressResult(options, result, 'stream');
  },
};
