import { resolveConnection, sqlSession, type SqlSession } from '@certyo-cdc/postgres';
import { type PostgresServer, startPostgres } from '@certyo-cdc/testing';
import type { Campaign, CampaignOptions, CampaignResult } from './runner/campaign.ts';
import { eachRun } from './runner/each-run.ts';
import { assertFaultless, compare } from './schedules/compare.ts';
import type { LogReading } from './schedules/log-reader.ts';
import { LOG_SCHEMA_SQL, LogTarget } from './schedules/log-target.ts';
import { runSchedule, type ScheduleConnections } from './schedules/run-schedule.ts';
import { makeSchedule } from './schedules/schedule.ts';

const MAJORS = [14, 15, 16, 17, 18] as const;
const TRANSACTIONS = 4;
const KEYS_PER_RUN = 10;

interface Rig extends ScheduleConnections {
  readonly server: PostgresServer;
  readonly session: SqlSession;
}

async function startRig(major: (typeof MAJORS)[number]): Promise<Rig> {
  const server = await startPostgres({
    major,
    // A short delay of the log writer, for which rows wait before they are handed over.
    settings: { max_prepared_transactions: 10, wal_writer_delay: '1ms' },
  });
  const database = await server.createDatabase();
  await database.query(LOG_SCHEMA_SQL);
  const clients = await Promise.all(Array.from({ length: TRANSACTIONS }, () => database.client()));
  const session = sqlSession(resolveConnection(database.url, {}));
  return { server, session, clients, control: await database.client() };
}

async function close(rig: Rig): Promise<void> {
  await rig.session.close();
  await rig.server[Symbol.asyncDispose]();
}

/** Runs schedules against the log, read in one of the ways; counts what was wrong, and fails for it unless told not to. */
export async function runLogSchedules(
  options: CampaignOptions,
  reading: LogReading = 'fenced',
  majors: readonly (typeof MAJORS)[number][] = MAJORS,
): Promise<CampaignResult> {
  const rigs = new Map<number, Rig>();
  try {
    return await eachRun(options, async ({ run, random }) => {
      const major = majors[run % majors.length] ?? 18;
      const rig = rigs.get(major) ?? (await startRig(major));
      rigs.set(major, rig);
      const schedule = makeSchedule({ random, maxTransactions: TRANSACTIONS });
      const target = new LogTarget(rig.session, reading, random);
      try {
        const outcome = await runSchedule(schedule, target, rig, run * KEYS_PER_RUN);
        const verdict = compare(outcome);
        if (reading === 'fenced') assertFaultless(verdict);
        return {
          events: outcome.committed.length,
          steps: schedule.steps.length,
          lost: verdict.lost,
          reordered: verdict.reordered,
          uncommitted: verdict.uncommitted,
          renamed: verdict.renamed,
        };
      } catch (error) {
        // Transactions are left open: the next run of this major gets a new server.
        rigs.delete(major);
        await close(rig);
        throw error;
      }
    });
  } finally {
    for (const rig of rigs.values()) await close(rig);
  }
}

export const campaign: Campaign = {
  name: 'log-schedules',
  description:
    'Random schedules of up to 4 transactions of up to 6 steps, with reads at any moment: a log in sequence order loses and reorders nothing.',
  runs: 10_000,
  run: (options) => runLogSchedules(options),
};
