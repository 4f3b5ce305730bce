import { startPostgres, type TestDatabase } from '@certyo-cdc/testing';
import type { Client } from 'pg';
import type { CampaignOptions, CampaignResult } from '../runner/campaign.ts';
import { eachRun, type RunContext } from '../runner/each-run.ts';
import type { ScheduleConnections } from './run-schedule.ts';

/** PostgreSQL versions that schedules are run against. */
export const MAJORS = [14, 15, 16, 17, 18] as const;

/** A PostgreSQL version that schedules are run against. */
export type Major = (typeof MAJORS)[number];

/** Most transactions of a schedule. */
export const TRANSACTIONS = 4;

/** Runs of a schedule write to different keys of the same tables. */
export const KEYS_PER_RUN = 10;

/** What the runs of one server share. */
export interface RigKit extends AsyncDisposable {
  /** The next run is that of another server: what would go on by itself is closed until it is used again. */
  rest?(): Promise<void>;
}

/** A server for the runs of one version, one after the other. */
export interface Rig<Kit extends RigKit> extends ScheduleConnections {
  readonly database: TestDatabase;
  /** For what a target reads beside. */
  readonly reader: Client;
  readonly kit: Kit;
}

/** How runs are given servers. */
export interface RigOptions<Kit extends RigKit> {
  readonly majorOf: (run: number) => Major | undefined;
  readonly schemaSql: string;
  /** Makes what the runs of one server share. */
  readonly prepare: (database: TestDatabase, reader: Client) => Promise<Kit>;
}

async function startRig<Kit extends RigKit>(
  major: Major,
  { prepare, schemaSql }: RigOptions<Kit>,
): Promise<Rig<Kit> & AsyncDisposable> {
  const server = await startPostgres({
    major,
    // A short delay of the log writer, for which rows wait before they are handed over.
    settings: { max_prepared_transactions: 10, wal_writer_delay: '1ms' },
  });
  const database = await server.createDatabase();
  await database.query(schemaSql);
  const reader = await database.client();
  const kit = await prepare(database, reader);
  return {
    database,
    reader,
    kit,
    clients: await Promise.all(Array.from({ length: TRANSACTIONS }, () => database.client())),
    control: await database.client(),
    async [Symbol.asyncDispose]() {
      await kit[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Runs `one` for every number on the server of its version, which is started with the first of them. */
export async function eachRunOnRigs<Kit extends RigKit>(
  options: CampaignOptions,
  rigOptions: RigOptions<Kit>,
  one: (context: RunContext, rig: Rig<Kit>) => Promise<Readonly<Record<string, number>>>,
): Promise<CampaignResult> {
  const rigs = new Map<Major, Rig<Kit> & AsyncDisposable>();
  let last: Rig<Kit> | null = null;
  try {
    return await eachRun(options, async (context) => {
      const major = rigOptions.majorOf(context.run) ?? 18;
      const rig = rigs.get(major) ?? (await startRig(major, rigOptions));
      rigs.set(major, rig);
      try {
        if (last !== rig) await last?.kit.rest?.();
        last = rig;
        return await one(context, rig);
      } catch (error) {
        // Transactions are left open: the next run of this version gets a new server.
        rigs.delete(major);
        last = null;
        await rig[Symbol.asyncDispose]();
        const message = error instanceof Error ? error.message : String(error);
        throw new Error(`PostgreSQL ${String(major)}: ${message}`, { cause: error });
      }
    });
  } finally {
    for (const rig of rigs.values()) await rig[Symbol.asyncDispose]();
  }
}
