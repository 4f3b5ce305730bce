import { resolveConnection, sqlSession } from '@certyo-cdc/postgres';
import type { Campaign, CampaignOptions, CampaignResult } from './runner/campaign.ts';
import { assertFaultless, compare } from './schedules/compare.ts';
import type { LogReading } from './schedules/log-reader.ts';
import { LOG_SCHEMA_SQL, LogTarget } from './schedules/log-target.ts';
import { eachRunOnRigs, KEYS_PER_RUN, type Major, MAJORS, TRANSACTIONS } from './schedules/rigs.ts';
import { runSchedule } from './schedules/run-schedule.ts';
import { makeSchedule } from './schedules/schedule.ts';

/** Runs schedules against the log, read in one of the ways; counts what was wrong, and fails for it unless told not to. */
export async function runLogSchedules(
  options: CampaignOptions,
  reading: LogReading = 'fenced',
  majors: readonly Major[] = MAJORS,
): Promise<CampaignResult> {
  const rigs = {
    majorOf: (run: number) => majors[run % majors.length],
    schemaSql: LOG_SCHEMA_SQL,
    prepare: async ({ url }: { readonly url: string }) => {
      const session = sqlSession(resolveConnection(url, {}));
      return await Promise.resolve({ session, [Symbol.asyncDispose]: () => session.close() });
    },
  };
  return await eachRunOnRigs(options, rigs, async ({ run, random }, rig) => {
    const schedule = makeSchedule({ random, maxTransactions: TRANSACTIONS });
    const target = new LogTarget(rig.kit.session, reading, random);
    const outcome = await runSchedule(schedule, target, rig, run * KEYS_PER_RUN);
    const verdict = compare(outcome);
    if (reading === 'fenced') assertFaultless(verdict);
    return { events: outcome.committed.length, steps: schedule.steps.length, ...verdict };
  });
}

export const campaign: Campaign = {
  name: 'log-schedules',
  description:
    'Random schedules of up to 4 transactions of up to 6 steps, with reads at any moment: a log in sequence order loses and reorders nothing.',
  runs: 10_000,
  run: (options) => runLogSchedules(options),
};
