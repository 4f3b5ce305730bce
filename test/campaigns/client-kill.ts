import { type EmulatorPhase, startPostgres } from '@certyo-cdc/testing';
import type { Campaign, CampaignOptions, CampaignResult } from './runner/campaign.ts';
import { eachRun, type RunContext } from './runner/each-run.ts';
import { Client, type Failpoint } from './support/client.ts';
import { assertExact, type Counters, Scenario } from './support/scenario.ts';
import { SOURCES } from './support/sources.ts';

/** Kills in one run; each life of the client ends with one. */
const KILLS = 4;

/** Moments at which the client kills itself. */
const OWN_MOMENTS = [
  'after-receive',
  'before-save',
  'after-save',
  'before-acknowledge',
  'after-acknowledge',
] as const;

/** Moments of a request, at which it is killed from outside: on request, accepted but no answer, after the answer. */
const REQUEST_MOMENTS: readonly EmulatorPhase[] = ['request-received', 'applied', 'responded'];

const MOMENTS = [...OWN_MOMENTS, ...REQUEST_MOMENTS, 'random-time'] as const;

export type Mutant = 'acknowledge-on-receive' | null;

/** The client dies by SIGKILL at chosen moments while the database is written, and is started again each time. */
export async function runClientKills(
  options: CampaignOptions,
  mutant: Mutant = null,
): Promise<CampaignResult> {
  await using server = await startPostgres({ major: 18 });
  return await eachRun(options, async (context) => {
    const armed: { moment: EmulatorPhase | null; countdown: number; client: Client | null } = {
      moment: null,
      countdown: 0,
      client: null,
    };
    await using scenario = await Scenario.create(
      server,
      {
        onPhase: async (phase) => {
          if (phase !== armed.moment) return;
          armed.countdown -= 1;
          if (armed.countdown > 0) return;
          armed.moment = null;
          await armed.client?.kill();
        },
      },
      context.source,
    );
    scenario.startWriters(3, context.random);
    const counters: Counters = { kills: 0 };
    for (let kill = 0; kill < KILLS; kill++) {
      const moment = MOMENTS[(context.turn * KILLS + kill) % MOMENTS.length] ?? 'random-time';
      await oneLife(scenario, context, armed, moment, mutant);
      counters['kills'] = (counters['kills'] ?? 0) + 1;
      counters[`kills ${moment}`] = (counters[`kills ${moment}`] ?? 0) + 1;
    }
    await scenario.stopWriters();
    armed.moment = null;
    if (mutant !== null) await dieInBurst(scenario, mutant);
    const last = await Client.start(environment(scenario, mutant));
    await last.started();
    last.askToDrain();
    await last.ended(180_000);
    const result = await scenario.compare();
    if (mutant === null) assertExact(result.counters, result.examples);
    return { ...counters, ...result.counters };
  });
}

/** For a client to come to its moment, also on a machine that does much else. */
const LIFE_MS = 180_000;

async function oneLife(
  scenario: Scenario,
  context: RunContext,
  armed: { moment: EmulatorPhase | null; countdown: number; client: Client | null },
  moment: (typeof MOMENTS)[number],
  mutant: Mutant,
): Promise<void> {
  const after = 1 + Math.floor(context.random() * 12);
  const own = OWN_MOMENTS.find((name) => name === moment);
  // The mutant has no failpoints of its own: it dies at a random time instead.
  const failpoint: Failpoint | null =
    own === undefined || mutant !== null ? null : { place: own, after };
  const client = await Client.start(environment(scenario, mutant), failpoint);
  armed.client = client;
  const requestMoment = REQUEST_MOMENTS.find((name) => name === moment);
  armed.countdown = after;
  armed.moment = requestMoment ?? null;
  if (failpoint === null && requestMoment === undefined) {
    await client.started();
    await new Promise((resolve) => setTimeout(resolve, 50 + context.random() * 400));
    await client.kill();
    return;
  }
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void client.kill();
  }, LIFE_MS);
  await client.exited;
  clearTimeout(timer);
  if (isLate) {
    throw new Error(
      `The client did not come to the moment "${moment}" within ${String(LIFE_MS / 1_000)} s.`,
    );
  }
}

/**
 * One more life, in which much is received and little is delivered. What a mutant loses while the writers go on may be
 * hidden by a later change of the same record, for a source that shows only the last state; nothing comes after this.
 */
async function dieInBurst(scenario: Scenario, mutant: Mutant): Promise<void> {
  const client = await Client.start(environment(scenario, mutant));
  await client.started();
  // Fewer than a page, so that its end comes with it.
  await scenario.database.query(
    `INSERT INTO account SELECT g, 1, 'burst' FROM generate_series(-600, -1) g`,
  );
  // What is left over from earlier lives comes before it.
  const isBursting = (): boolean =>
    scenario.emulator.records({ collection: 'public.account' }).some(isOfBurst);
  for (let waited = 0; !isBursting() && waited < 20_000; waited += 5) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await client.kill();
}

function isOfBurst({ recordId }: { readonly recordId: string }): boolean {
  return recordId.startsWith('-');
}

function environment(scenario: Scenario, mutant: Mutant): Readonly<Record<string, string>> {
  return { ...scenario.environment, CAMPAIGN_MUTANT: mutant ?? '' };
}

export const campaign: Campaign = {
  name: 'client-kill',
  description: `The client is killed (-9) ${KILLS} times a run at chosen moments, under load.`,
  runs: 125,
  sources: SOURCES,
  run: (options) => runClientKills(options),
};
