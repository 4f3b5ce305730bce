import type { TestDatabase } from '@certyo-cdc/testing';
import type { Client } from 'pg';
import type { Campaign, CampaignOptions, CampaignResult } from './runner/campaign.ts';
import {
  CAPTURED_SCHEMA_SQL,
  changeLogSourceOf,
  ChangeLogTarget,
  type Log,
  LOGS,
  tablesOf,
} from './schedules/change-log-target.ts';
import { assertFaultless, compare } from './schedules/compare.ts';
import { OneOpen } from './schedules/one-open.ts';
import { eachRunOnRigs, KEYS_PER_RUN, MAJORS, TRANSACTIONS } from './schedules/rigs.ts';
import { runSchedule } from './schedules/run-schedule.ts';
import { makeSchedule } from './schedules/schedule.ts';

/** Schedules that one stream reads, one after the other. */
const RUNS_PER_STREAM = 50;

async function run(options: CampaignOptions): Promise<CampaignResult> {
  const stretchOf = (number: number): number => Math.floor(number / RUNS_PER_STREAM);
  const rigs = {
    majorOf: (number: number) => MAJORS[stretchOf(number) % MAJORS.length],
    schemaSql: CAPTURED_SCHEMA_SQL,
    prepare: async ({ url }: TestDatabase, reader: Client) => {
      for (const log of LOGS) await changeLogSourceOf(url, log).setup();
      return new OneOpen((log: Log) => new ChangeLogTarget(changeLogSourceOf(url, log), reader));
    },
  };
  return await eachRunOnRigs(options, rigs, async ({ run: number, random }, rig) => {
    const log = LOGS[Math.floor(stretchOf(number) / MAJORS.length) % LOGS.length] ?? 'polled_log';
    const table = tablesOf(log)[number % 2] ?? '';
    const firstKey = number * KEYS_PER_RUN;
    const schedule = makeSchedule({
      random,
      maxTransactions: TRANSACTIONS,
      several: true,
      // PREPARE TRANSACTION refuses a transaction that rings.
      prepared: log === 'polled_log',
    });
    const target = await rig.kit.target(log);
    target.use(random, table, firstKey);
    const outcome = await runSchedule(schedule, target, rig, firstKey);
    const verdict = { ...compare(outcome), ...(await target.verdict()) };
    assertFaultless(verdict);
    const { steps } = schedule;
    return {
      events: outcome.committed.length,
      steps: steps.length,
      'statements of several rows': steps.filter(({ kind }) => kind === 'write-several').length,
      ...verdict,
    };
  });
}

export const campaign: Campaign = {
  name: 'change-log-schedules',
  description:
    'Random schedules of up to 4 transactions of up to 6 steps over captured tables: the change log gives every version of every row, in order, with the row before and after.',
  runs: 10_000,
  run,
};
