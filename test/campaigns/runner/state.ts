import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CampaignResult } from './campaign.ts';

/** What is kept on disk so that a campaign can go on where it was interrupted. */
export interface CampaignState extends CampaignResult {
  readonly name: string;
  readonly seed: number;
  /** How many runs were asked for. */
  readonly of: number;
  readonly seconds: number;
}

function fileOf(folder: string, name: string): string {
  return join(folder, `${name}.json`);
}

/** The state of an interrupted campaign, or null. */
export function loadState(folder: string, name: string): CampaignState | null {
  try {
    return JSON.parse(readFileSync(fileOf(folder, name), 'utf8')) as CampaignState;
  } catch {
    return null;
  }
}

/** Keeps the state of a campaign. */
export function saveState(folder: string, state: CampaignState): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(fileOf(folder, state.name), JSON.stringify(state, null, 2));
}

/** Forgets the state of a campaign. */
export function clearState(folder: string, name: string): void {
  rmSync(fileOf(folder, name), { force: true });
}
