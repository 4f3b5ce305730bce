import type { TestDatabase } from '@certyo-cdc/testing';
import type { Client } from 'pg';
import type { Campaign, CampaignOptions, CampaignResult } from './runner/campaign.ts';
import { assertFaultless, compare } from './schedules/compare.ts';
import { compareLatest } from './schedules/compare-latest.ts';
import { NaivePoller, type NaivePolling } from './schedules/naive-poller.ts';
import { OneOpen } from './schedules/one-open.ts';
import {
  POLLING_SCHEMA_SQL,
  type Polling,
  POLLINGS,
  pollingSourceOf,
  PollingTarget,
} from './schedules/polling-target.ts';
import { eachRunOnRigs, KEYS_PER_RUN, type Major, MAJORS, TRANSACTIONS } from './schedules/rigs.ts';
import { runSchedule } from './schedules/run-schedule.ts';
import { makeSchedule } from './schedules/schedule.ts';

/** Schedules that one stream reads, one after the other. */
const RUNS_PER_STREAM = 40;

/** Runs schedules against polled tables; counts what was wrong, and fails for it unless a naive way is asked for. */
export async function runPollingSchedules(
  options: CampaignOptions,
  naive: NaivePolling | null = null,
  majors: readonly Major[] = MAJORS,
): Promise<CampaignResult> {
  const stretchOf = (run: number): number => Math.floor(run / RUNS_PER_STREAM);
  const rigs = {
    majorOf: (run: number) => majors[Math.floor(stretchOf(run) / POLLINGS.length) % majors.length],
    schemaSql: POLLING_SCHEMA_SQL,
    prepare: async ({ url }: TestDatabase, reader: Client) => {
      for (const polling of POLLINGS) await pollingSourceOf(url, polling).setup();
      return new OneOpen(
        (polling: Polling) => new PollingTarget(polling, pollingSourceOf(url, polling), reader),
      );
    },
  };
  return await eachRunOnRigs(options, rigs, async ({ run, random }, rig) => {
    const polling = POLLINGS[stretchOf(run) % POLLINGS.length] ?? 'xid';
    const schedule = makeSchedule({ random, maxTransactions: TRANSACTIONS });
    const firstKey = run * KEYS_PER_RUN;
    if (naive !== null) {
      const poller = new NaivePoller(naive, rig.reader);
      return { ...compareLatest(await runSchedule(schedule, poller, rig, firstKey)) };
    }
    try {
      const target = await rig.kit.target(polling);
      target.use(random);
      const outcome = await runSchedule(schedule, target, rig, firstKey);
      const { lost, reordered, uncommitted, renamed } =
        polling === 'id' ? compare(outcome) : compareLatest(outcome);
      assertFaultless({ lost, reordered, uncommitted, renamed });
      return { [polling]: 1, changes: outcome.committed.length, lost, reordered };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${polling}: ${message}`, { cause: error });
    }
  });
}

export const campaign: Campaign = {
  name: 'polling-schedules',
  description:
    'Random schedules of up to 4 transactions of up to 6 steps against each cursor of polling: the last state of every row is given, in order.',
  runs: 50_000,
  share: 100,
  run: (options) => runPollingSchedules(options),
};
