import { expect, test } from 'vitest';
import { loadCampaigns } from './runner/registry.ts';

const seed = Number(process.env['CAMPAIGN_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const campaigns = await loadCampaigns();

test('every campaign has a name of its own', () => {
  const names = campaigns.map(({ name }) => name);
  expect([...new Set(names)]).toEqual(names);
});

for (const campaign of campaigns) {
  const { sources = [] } = campaign;
  // A campaign that is run with several sources is as many campaigns.
  const share = campaign.share ?? (sources.length === 0 ? 20 : 60);
  const times = Math.max(1, sources.length);
  const runs = Math.ceil(campaign.runs / share) * times;
  test(`campaign ${campaign.name}: ${runs} of ${campaign.runs * times} runs`, async ({
    signal,
  }) => {
    const onProgress = (): void => {};
    const result = await campaign.run({ seed, first: 0, runs, sources, signal, onProgress });
    const repeat = `pnpm campaign ${campaign.name} --seed ${seed} --only`;
    expect(
      result.failures.map(({ run, message }) => `${repeat} ${run}: ${message}`),
      `seed ${seed}`,
    ).toEqual([]);
    expect(result.runs).toBe(runs);
  });
}
