import { parseArgs } from 'node:util';

/** What `pnpm campaign` was asked for. */
export interface CampaignArguments {
  /** The campaign's name, or null to list them. */
  readonly name: string | null;
  /** The sources to run with, or null for all that the campaign has. */
  readonly sources: readonly string[] | null;
  readonly seed: number | null;
  readonly runs: number | null;
  readonly only: number | null;
  readonly json: boolean;
  readonly resume: boolean;
}

export const USAGE: string =
  'Usage: pnpm campaign <name> [--source a,b] [--seed n] [--runs n] [--only n] [--json] [--resume]';

function integer(name: string, text: string | undefined, least: number): number | null {
  if (text === undefined) {
    return null;
  }
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new Error(
      `Expected \`--${name}\` to be an integer of at least ${least}, got \`${text}\`.`,
    );
  }
  return value;
}

/** Reads the command line; throws with one sentence on what cannot be meant. */
export function parseCampaignArguments(args: readonly string[]): CampaignArguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      source: { type: 'string' },
      seed: { type: 'string' },
      runs: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      resume: { type: 'boolean', default: false },
    },
  });
  if (positionals.length > 1) {
    throw new Error(`Expected one campaign, got ${positionals.join(', ')}. ${USAGE}`);
  }
  const parsed: CampaignArguments = {
    name: positionals[0] ?? null,
    sources: values.source?.split(',') ?? null,
    seed: integer('seed', values.seed, 0),
    runs: integer('runs', values.runs, 1),
    only: integer('only', values.only, 0),
    json: values.json,
    resume: values.resume,
  };
  if (parsed.only !== null && (parsed.resume || parsed.runs !== null)) {
    throw new Error('`--only` repeats one run; it goes with neither `--runs` nor `--resume`.');
  }
  return parsed;
}
