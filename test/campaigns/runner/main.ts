/** `pnpm campaign`: lists the campaigns; `pnpm campaign <name>` runs one at full size. See `USAGE`. */
import { fileURLToPath } from 'node:url';
import { parseCampaignArguments, USAGE } from './arguments.ts';
import type { Campaign, CampaignResult } from './campaign.ts';
import { addCounters } from './each-run.ts';
import { loadCampaigns } from './registry.ts';
import { clearState, loadState, saveState } from './state.ts';

const stateFolder = fileURLToPath(new URL('../../../.cache/campaigns', import.meta.url));

function add(left: CampaignResult, right: CampaignResult): CampaignResult {
  return {
    runs: left.runs + right.runs,
    failures: [...left.failures, ...right.failures],
    counters: addCounters(left.counters, right.counters),
  };
}

function list(campaigns: readonly Campaign[], json: boolean): void {
  if (!json) {
    console.log(USAGE);
  }
  for (const { name, description, runs } of campaigns) {
    if (!json) {
      console.log(`  ${name.padEnd(24)} ${String(runs).padStart(5)} runs  ${description}`);
    }
  }
  if (json) {
    console.log(
      JSON.stringify(campaigns.map(({ name, description, runs }) => ({ name, description, runs }))),
    );
  }
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseCampaignArguments(args);
  const campaigns = await loadCampaigns();
  if (options.name === null) {
    list(campaigns, options.json);
    return 0;
  }
  const campaign = campaigns.find(({ name }) => name === options.name);
  if (campaign === undefined) {
    const known = campaigns.map(({ name }) => name).join(', ') || 'none yet';
    throw new Error(`There is no campaign \`${options.name}\`. Known: ${known}.`);
  }

  const kept = options.resume ? loadState(stateFolder, campaign.name) : null;
  if (kept !== null && options.seed !== null && options.seed !== kept.seed) {
    throw new Error(
      `The interrupted campaign has seed ${kept.seed}, not ${options.seed}: leave out \`--seed\`, or \`--resume\`.`,
    );
  }
  const seed = kept?.seed ?? options.seed ?? Math.floor(Math.random() * 2 ** 31);
  const before: CampaignResult = kept ?? { runs: 0, failures: [], counters: {} };
  const first = options.only ?? before.runs;
  const of = options.only === null ? (options.runs ?? kept?.of ?? campaign.runs) : 1;
  const remaining = options.only === null ? Math.max(0, of - before.runs) : 1;
  const startedAt = performance.now();
  const seconds = (): number =>
    (kept?.seconds ?? 0) + Math.round((performance.now() - startedAt) / 100) / 10;
  console.log(
    `${campaign.name}: ${of} runs, seed ${seed}${kept === null ? '' : `, from ${first}`}`,
  );

  const abort = new AbortController();
  const onSignal = (): void => abort.abort(new Error('interrupted; go on with --resume'));
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);

  const result = await campaign.run({
    seed,
    first,
    runs: remaining,
    signal: abort.signal,
    onProgress: (soFar) => {
      const sum = add(before, soFar);
      if (options.only === null) {
        saveState(stateFolder, { name: campaign.name, seed, of, seconds: seconds(), ...sum });
      }
      const counted = Object.entries(sum.counters).map(([name, value]) => `${name} ${value}`);
      console.log(
        `  ${sum.runs}/${of} ${sum.failures.length} failed ${counted.join(', ')} (${seconds()} s)`,
      );
    },
  });

  const sum = add(before, result);
  if (options.only === null) {
    clearState(stateFolder, campaign.name);
  }
  for (const { run, message } of sum.failures) {
    console.log(`  run ${run} failed (--seed ${seed} --only ${run}): ${message}`);
  }
  const { runs, failures, counters } = sum;
  if (options.json) {
    const report = { campaign: campaign.name, seed, runs, failed: failures.length };
    console.log(JSON.stringify({ ...report, ...counters, failures, seconds: seconds() }));
  } else {
    console.log(`${campaign.name}: ${runs} runs, ${failures.length} failed, ${seconds()} s`);
  }
  return failures.length === 0 && runs === of ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
