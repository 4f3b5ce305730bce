import { createCertyoClient } from '@certyo-cdc/core';
import { type EmulatorPhase, startPostgres } from '@certyo-cdc/testing';
import type { Campaign, CampaignOptions, CampaignResult } from './runner/campaign.ts';
import { eachRun, type RunContext } from './runner/each-run.ts';
import { Client, type Failpoint } from './support/client.ts';
import { campaignReceipts, campaignVerifier } from './support/ledger.ts';
import { showsLatestState } from './support/sources.ts';
import { assertExact, type Counters, Scenario } from './support/scenario.ts';

/** Kills in one run; each life of the client ends with one. */
const KILLS = 4;

/** Moments at which the client kills itself: around what the ledger stores, and what the verifier records. */
const OWN_MOMENTS = [
  'before-store',
  'after-store',
  'before-mark',
  'after-mark',
  'before-record',
  'after-record',
  'after-save',
] as const;

/** Moments of a request, of the sink's and of the verifier's. */
const PHASES: readonly EmulatorPhase[] = ['request-received', 'applied', 'responded'];

interface Moment {
  readonly name: string;
  readonly own: string | null;
  readonly phase: EmulatorPhase | null;
  readonly isVerifiers: boolean;
}

const MOMENTS: readonly Moment[] = [
  ...OWN_MOMENTS.map((own) => ({ name: own, own, phase: null, isVerifiers: false })),
  ...PHASES.map((phase) => ({ name: `sink: ${phase}`, own: null, phase, isVerifiers: false })),
  ...PHASES.map((phase) => ({ name: `verifier: ${phase}`, own: null, phase, isVerifiers: true })),
];

/** For a client to come to its moment, also on a machine that does much else. */
const LIFE_MS = 180_000;
const SETTLE_MS = 180_000;

interface Armed {
  moment: Moment | null;
  countdown: number;
  client: Client | null;
}

async function runReceiptKills(options: CampaignOptions): Promise<CampaignResult> {
  await using server = await startPostgres({ major: 18 });
  return await eachRun(options, async (context) => {
    const armed: Armed = { moment: null, countdown: 0, client: null };
    await using scenario = await Scenario.create(
      server,
      {
        onPhase: async (phase, { path }) => {
          const isVerifiers = !path.startsWith('/api/v1/records');
          if (armed.moment?.phase !== phase || armed.moment.isVerifiers !== isVerifiers) return;
          armed.countdown -= 1;
          if (armed.countdown > 0) return;
          armed.moment = null;
          await armed.client?.kill();
        },
      },
      context.source,
    );
    const receipts = campaignReceipts(scenario.database.url);
    try {
      await receipts.setup({ signal: context.signal });
      scenario.startWriters(3, context.random);
      const counters: Counters = { kills: 0 };
      for (let kill = 0; kill < KILLS; kill++) {
        const moment = MOMENTS[(context.turn * KILLS + kill) % MOMENTS.length];
        if (moment === undefined) continue;
        // Some batches are not anchored at the first attempt.
        scenario.emulator.faults.add({ kind: 'anchor-failure' });
        await oneLife(scenario, context, armed, moment);
        counters['kills'] = (counters['kills'] ?? 0) + 1;
        counters[`kills ${moment.name}`] = (counters[`kills ${moment.name}`] ?? 0) + 1;
      }
      await scenario.stopWriters();
      armed.moment = null;
      const last = await Client.start(environment(scenario));
      await last.started();
      last.askToDrain();
      await last.ended(180_000);
      await scenario.emulator.faults.clear();
      const result = await scenario.compare();
      assertExact(result.counters, result.examples);
      const kept = await settle(scenario, context);
      return { ...counters, ...result.counters, ...kept };
    } finally {
      await receipts.close();
    }
  });
}

async function oneLife(
  scenario: Scenario,
  context: RunContext,
  armed: Armed,
  moment: Moment,
): Promise<void> {
  // A life stores few marks.
  const after = moment.name.endsWith('-mark') ? 1 : 1 + Math.floor(context.random() * 8);
  if (moment.name.endsWith('-mark')) {
    // A life that was killed between two marks has left both.
    await scenario.database.query(
      'DELETE FROM certyo.receipt_send_marks AS later USING certyo.receipt_send_marks AS first WHERE later.pipeline = first.pipeline AND later.up_to > first.up_to',
    );
    await scenario.database.query(
      "UPDATE certyo.receipt_send_marks SET up_to = '0001-01-01T00:00:00.000000Z'",
    );
  }
  const failpoint: Failpoint | null = moment.own === null ? null : { place: moment.own, after };
  const client = await Client.start(environment(scenario), failpoint);
  armed.client = client;
  armed.countdown = after;
  armed.moment = moment;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void client.kill();
  }, LIFE_MS);
  await client.exited;
  clearTimeout(timer);
  if (isLate) {
    const seconds = String(LIFE_MS / 1_000);
    throw new Error(`The client did not come to "${moment.name}" within ${seconds} s.`);
  }
}

/** Follows what is left until nothing is pending, then compares receipts with effects, one by one. */
async function settle(scenario: Scenario, context: RunContext): Promise<Counters> {
  const receipts = campaignReceipts(scenario.database.url);
  const client = createCertyoClient({ env: { ...scenario.emulator.environment } });
  const verifier = campaignVerifier(client, receipts);
  try {
    const deadline = Date.now() + SETTLE_MS;
    for (;;) {
      await verifier.runOnce({ signal: context.signal });
      const { pending } = await receipts.summary({ signal: context.signal });
      if (pending === 0) break;
      if (Date.now() > deadline) throw new Error(`${String(pending)} receipts are still pending.`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const kept = await scenario.database.query<KeptRow>(
      `SELECT t.collection || ' ' || r.record_id AS record, r.record_version AS version, r.record_hash AS hash, r.state
       FROM certyo.receipts AS r JOIN certyo.receipt_tables AS t ON t.id = r.table_id`,
    );
    const unanchored = kept.filter(({ state }) => state !== 'anchored').length;
    const effects = scenario.emulator.records().map((effect) => ({
      record: `${effect.collection} ${effect.recordId}`,
      version: effect.recordVersion,
      hash: effect.recordHash,
    }));
    const { extra, missing } = compare(kept, effects, showsLatestState(context.source));
    if (extra > 0 || missing > 0 || unanchored > 0) {
      throw new Error(
        `${String(missing)} of ${String(effects.length)} effects have no receipt, ${String(extra)} of ${String(kept.length)} receipts no effect, ${String(unanchored)} are not anchored.`,
      );
    }
    return { receipts: kept.length, unanchored };
  } finally {
    await verifier.stop();
    await receipts.close();
    await client.close();
  }
}

interface Version {
  readonly record: string;
  readonly version: string;
  readonly hash: string;
}

interface KeptRow extends Version {
  readonly state: string;
}

/**
 * Which effects have no receipt, and which receipts no effect. Of a source that shows only the last state a version that was
 * accepted when its client died may never be seen again: then a later one has its receipt.
 */
function compare(
  kept: readonly Version[],
  effects: readonly Version[],
  isLatestState: boolean,
): { readonly extra: number; readonly missing: number } {
  const nameOf = ({ hash, record, version }: Version): string => `${record} ${version} ${hash}`;
  const names = new Set(effects.map(nameOf));
  const known = new Set(kept.map(nameOf));
  const newest = new Map<string, string>();
  for (const { record, version } of kept) {
    if (version > (newest.get(record) ?? '')) newest.set(record, version);
  }
  const missing = effects.filter(
    (effect) =>
      !known.has(nameOf(effect)) &&
      !(isLatestState && effect.version < (newest.get(effect.record) ?? '')),
  );
  const doubled = kept.length - known.size;
  return {
    extra: doubled + [...known].filter((name) => !names.has(name)).length,
    missing: missing.length,
  };
}

function environment(scenario: Scenario): Readonly<Record<string, string>> {
  return { ...scenario.environment, CAMPAIGN_LEDGER: 'yes' };
}

export const campaign: Campaign = {
  name: 'receipt-kills',
  description: `Sink, ledger and verifier are killed (-9) ${KILLS} times a run at every step, under load.`,
  runs: 50,
  sources: ['replication', 'listen-notify', 'polling'],
  run: (options) => runReceiptKills(options),
};
