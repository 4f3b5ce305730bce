import { resolveConnection, sqlSession } from '@certyo-cdc/postgres';
import type { Campaign } from './runner/campaign.ts';
import { type LogReading, openLogReader, readToEnd } from './schedules/log-reader.ts';
import { LOG_SCHEMA_SQL, logWriteSql } from './schedules/log-target.ts';
import type { Version } from './schedules/schedule.ts';
import {
  runStress,
  type StressResult,
  stressResult,
  type StressTarget,
} from './schedules/stress.ts';

const LOG: StressTarget<LogReading> = {
  readings: ['fenced', 'sequence-after-cursor', 'xid-below-horizon'],
  begin: async (database, keys) => {
    await database.query(LOG_SCHEMA_SQL);
    await database.query('INSERT INTO item SELECT key, 0 FROM unnest($1::int8[]) AS key', [keys]);
  },
  open: async ({ url }, reading, random) => {
    const session = sqlSession(resolveConnection(url, {}));
    const reader = await openLogReader(session, reading, () => 1 + Math.floor(random() * 300));
    return {
      read: async () => (await reader.read()).rows,
      finish: () => readToEnd(reader),
      restart: () => Promise.resolve(reader.restart()),
      close: () => session.close(),
    };
  },
  writeSql: logWriteSql,
  committed: (database) =>
    database.query<Version & Record<string, unknown>>(
      'SELECT key::int AS key, version, operation FROM log ORDER BY sequence',
    ),
};

/** Writers that overlap, for a time; the log is read in all ways. */
export async function runLogStress(options: {
  readonly seed: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}): Promise<StressResult<LogReading>> {
  return await runStress(LOG, options);
}

export const campaign: Campaign = {
  name: 'log-stress',
  description:
    '8 writers with rollbacks for 60 seconds, at least 20,000 events: a log in sequence order loses and reorders nothing.',
  runs: 60,
  run: async (options) => {
    const result = await runLogStress({ ...options, seconds: options.runs });
    return stressResult(options, result, 'fenced', {
      'lost by sequence > cursor': result.verdicts['sequence-after-cursor'].lost,
      'reordered by xid': result.verdicts['xid-below-horizon'].reordered,
    });
  },
};
