import { type PostgresServer, startPostgres, type TestDatabase } from '@certyo-cdc/testing';
import type { Client } from 'pg';
import type { Campaign, CampaignOptions, CampaignResult } from './runner/campaign.ts';
import { eachRun } from './runner/each-run.ts';
import { assertFaultless, compare } from './schedules/compare.ts';
import { compareLatest } from './schedules/compare-latest.ts';
import { NaivePoller, type NaivePolling } from './schedules/naive-poller.ts';
import {
  POLLING_SCHEMA_SQL,
  type Polling,
  POLLINGS,
  pollingSourceOf,
  PollingTarget,
} from './schedules/polling-target.ts';
import { runSchedule, type ScheduleConnections } from './schedules/run-schedule.ts';
import { makeSchedule } from './schedules/schedule.ts';

const MAJORS = [14, 15, 16, 17, 18] as const;
const TRANSACTIONS = 4;
const KEYS_PER_RUN = 10;
/** Schedules that one stream reads, one after the other. */
const RUNS_PER_STREAM = 40;

interface Rig extends ScheduleConnections, AsyncDisposable {
  readonly database: TestDatabase;
  /** For the reads of a target that is no stream. */
  readonly reader: Client;
  target: PollingTarget | null;
}

async function startRig(major: (typeof MAJORS)[number]): Promise<Rig> {
  const server: PostgresServer = await startPostgres({
    major,
    // A short delay of the log writer, for which rows wait before they are handed over.
    settings: { max_prepared_transactions: 10, wal_writer_delay: '1ms' },
  });
  const database = await server.createDatabase();
  await database.query(POLLING_SCHEMA_SQL);
  for (const polling of POLLINGS) await pollingSourceOf(database.url, polling).setup();
  const clients = await Promise.all(Array.from({ length: TRANSACTIONS }, () => database.client()));
  const rig: Rig = {
    database,
    clients,
    control: await database.client(),
    reader: await database.client(),
    target: null,
    async [Symbol.asyncDispose]() {
      await rig.target?.close();
      await server[Symbol.asyncDispose]();
    },
  };
  return rig;
}

async function targetOf(rig: Rig, polling: Polling): Promise<PollingTarget> {
  if (rig.target?.polling === polling) return rig.target;
  await rig.target?.close();
  const source = pollingSourceOf(rig.database.url, polling);
  rig.target = new PollingTarget(polling, source, rig.reader);
  return rig.target;
}

/** Runs schedules against polled tables; counts what was wrong, and fails for it unless a naive way is asked for. */
export async function runPollingSchedules(
  options: CampaignOptions,
  naive: NaivePolling | null = null,
  majors: readonly (typeof MAJORS)[number][] = MAJORS,
): Promise<CampaignResult> {
  const rigs = new Map<number, Rig>();
  try {
    return await eachRun(options, async ({ run, random }) => {
      const stretch = Math.floor(run / RUNS_PER_STREAM);
      const major = majors[Math.floor(stretch / POLLINGS.length) % majors.length] ?? 18;
      const polling = POLLINGS[stretch % POLLINGS.length] ?? 'xid';
      const rig = rigs.get(major) ?? (await startRig(major));
      rigs.set(major, rig);
      const schedule = makeSchedule({ random, maxTransactions: TRANSACTIONS });
      const firstKey = run * KEYS_PER_RUN;
      try {
        if (naive !== null) {
          const poller = new NaivePoller(naive, rig.reader);
          return { ...compareLatest(await runSchedule(schedule, poller, rig, firstKey)) };
        }
        const target = await targetOf(rig, polling);
        target.use(random);
        const outcome = await runSchedule(schedule, target, rig, firstKey);
        const { lost, reordered, uncommitted, renamed } =
          polling === 'id' ? compare(outcome) : compareLatest(outcome);
        assertFaultless({ lost, reordered, uncommitted, renamed });
        return { [polling]: 1, changes: outcome.committed.length, lost, reordered };
      } catch (error) {
        // Transactions are left open: the next run of this major gets a new server.
        rigs.delete(major);
        await rig[Symbol.asyncDispose]();
        const message = error instanceof Error ? error.message : String(error);
        throw new Error(`${polling} on ${String(major)}: ${message}`, { cause: error });
      }
    });
  } finally {
    for (const rig of rigs.values()) await rig[Symbol.asyncDispose]();
  }
}

export const campaign: Campaign = {
  name: 'polling-schedules',
  description:
    'Random schedules of up to 4 transactions of up to 6 steps against each cursor of polling: the last state of every row is given, in order.',
  runs: 50_000,
  run: (options) => runPollingSchedules(options),
};
