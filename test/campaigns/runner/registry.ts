import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Campaign } from './campaign.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));

/** Every campaign: what the files of `test/campaigns/` export as `campaign`, sorted by name. */
export async function loadCampaigns(): Promise<readonly Campaign[]> {
  const files = readdirSync(folder).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'vitest.config.ts',
  );
  const campaigns: Campaign[] = [];
  for (const file of files) {
    const module = (await import(pathToFileURL(join(folder, file)).href)) as {
      campaign?: Campaign;
    };
    if (module.campaign !== undefined) {
      campaigns.push(module.campaign);
    }
  }
  return campaigns.sort((left, right) => left.name.localeCompare(right.name));
}
