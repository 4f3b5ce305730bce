import { expect, test } from 'vitest';
import { loadCampaigns } from './runner/registry.ts';

const seed = Number(process.env['CAMPAIGN_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const campaigns = await loadCampaigns();

test('every campaign has a name of its own', () => {
  const names = campaigns.map(({ name }) => name);
  expect([...new Set(names)]).toEqual(names);
});

for (const campaign of campaigns) {
  const runs = Math.ceil(campaign.runs / 20);
  test(`campaign ${campaign.name}: ${runs} of ${campaign.runs} runs`, async ({ signal }) => {
    const result = await campaign.run({ seed, first: 0, runs, signal, onProgress: () => {} });
    const repeat = `pnpm campaign ${campaign.name} --seed ${seed} --only`;
    expect(
      result.failures.map(({ run, message }) => `${repeat} ${run}: ${message}`),
      `seed ${seed}`,
    ).toEqual([]);
    expect(result.runs).toBe(runs);
  });
}
