import type { CampaignFailure, CampaignOptions, CampaignResult } from './campaign.ts';

/** What one run gets. */
export interface RunContext {
  readonly run: number;
  /** The source of this run; '' in a campaign that has none. */
  readonly source: string;
  /** The number of this run among those with the same source. */
  readonly turn: number;
  /** Random numbers in [0, 1) that depend on the campaign's seed and the number of the run only. */
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** mulberry32: small, fast, and good enough to choose moments and sizes. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Sums counters by name; names that begin with `max` keep the larger value. */
export function addCounters(
  left: Readonly<Record<string, number>>,
  right: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum: Record<string, number> = { ...left };
  for (const [name, value] of Object.entries(right)) {
    const before = sum[name];
    if (before === undefined) {
      sum[name] = value;
    } else {
      sum[name] = name.startsWith('max') ? Math.max(before, value) : before + value;
    }
  }
  return sum;
}

/** What counts most of a run, under the name of its source. */
function bySource(
  source: string,
  counted: Readonly<Record<string, number>>,
): Record<string, number> {
  const names = ['kills', 'aways', 'committed', 'lost', 'duplicated', 'reordered', 'mismatched'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = counted[name];
      return value === undefined ? [] : [[`${source} ${name}`, value]];
    }),
  );
}

/**
 * Runs `one` for every number that the options ask for, one after the other, and adds up what it counts. A run that
 * throws is a failure and does not end the campaign; an abort does, with `signal.reason`.
 */
export async function eachRun(
  options: CampaignOptions,
  one: (context: RunContext) => Promise<Readonly<Record<string, number>>>,
): Promise<CampaignResult> {
  const failures: CampaignFailure[] = [];
  let counters: Record<string, number> = {};
  let done = 0;
  const { sources } = options;
  for (let run = options.first; run < options.first + options.runs; run++) {
    options.signal.throwIfAborted();
    const source = sources[run % Math.max(1, sources.length)] ?? '';
    try {
      const counted = await one({
        run,
        source,
        turn: Math.floor(run / Math.max(1, sources.length)),
        random: seededRandom(Math.imul(options.seed, 0x9e3779b1) ^ Math.imul(run + 1, 0x85ebca6b)),
        signal: options.signal,
      });
      counters = addCounters(counters, counted);
      if (sources.length > 1) counters = addCounters(counters, bySource(source, counted));
    } catch (error) {
      options.signal.throwIfAborted();
      const message = error instanceof Error ? error.message : String(error);
      failures.push({ run, message: source === '' ? message : `${source}: ${message}` });
    }
    done++;
    options.onProgress({ runs: done, failures: [...failures], counters });
  }
  return { runs: done, failures, counters };
}
