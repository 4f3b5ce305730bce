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

function chooseSources(campaign: Campaign, asked: readonly string[] | null): readonly string[] {
  const known = campaign.sources ?? [];
  if (asked === null) return known;
  const unknown = asked.find((source) => !known.includes(source));
  if (unknown !== undefined) {
    const list = known.join(', ') || 'none';
    throw new Error(`${campaign.name} cannot be run with \`${unknown}\`. Its sources: ${list}.`);
  }
  return asked;
}

function allRuns(campaign: Campaign, sources: readonly string[]): number {
  return campaign.runs * Math.max(1, sources.length);
}

function list(campaigns: readonly Campaign[], json: boolean): void {
  if (!json) {
    console.log(USAGE);
  }
  const listed = campaigns.map((campaign) => {
    const { name, description, sources = [] } = campaign;
    return { name, description, runs: allRuns(campaign, sources), sources };
  });
  for (const { name, description, runs, sources } of json ? [] : listed) {
    const choice = sources.length === 0 ? '' : ` Sources: ${sources.join(', ')}.`;
    console.log(`  ${name.padEnd(24)} ${String(runs).padStart(5)} runs  ${description}${choice}`);
  }
  if (json) console.log(JSON.stringify(listed));
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

  const sources = chooseSources(campaign, options.sources);
  // Another choice of sources is another campaign: run n of it is another run.
  const stateName = [campaign.name, ...(options.sources === null ? [] : sources)].join('-');
  const kept = options.resume ? loadState(stateFolder, stateName) : null;
  if (kept !== null && options.seed !== null && options.seed !== kept.seed) {
    throw new Error(
      `The interrupted campaign has seed ${kept.seed}, not ${options.seed}: leave out \`--seed\`, or \`--resume\`.`,
    );
  }
  const seed = kept?.seed ?? options.seed ?? Math.floor(Math.random() * 2 ** 31);
  const before: CampaignResult = kept ?? { runs: 0, failures: [], counters: {} };
  const first = options.only ?? before.runs;
  const of = options.only === null ? (options.runs ?? kept?.of ?? allRuns(campaign, sources)) : 1;
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
    sources,
    signal: abort.signal,
    onProgress: (soFar) => {
      const sum = add(before, soFar);
      if (options.only === null) {
        saveState(stateFolder, { name: stateName, seed, of, seconds: seconds(), ...sum });
      }
      const counted = Object.entries(sum.counters).map(([name, value]) => `${name} ${value}`);
      console.log(
        `  ${sum.runs}/${of} ${sum.failures.length} failed ${counted.join(', ')} (${seconds()} s)`,
      );
    },
  });

  const sum = add(before, result);
  if (options.only === null) {
    clearState(stateFolder, stateName);
  }
  for (const { run, message } of sum.failures) {
    const choice = options.sources === null ? '' : `--source ${sources.join(',')} `;
    console.log(`  run ${run} failed (${choice}--seed ${seed} --only ${run}): ${message}`);
  }
  const { runs, failures, counters } = sum;
  if (options.json) {
    const report = { campaign: campaign.name, sources, seed, runs, failed: failures.length };
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
