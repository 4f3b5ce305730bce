/** What a campaign has come to so far, or in the end. */
export interface CampaignResult {
  /** Runs that were done. */
  readonly runs: number;
  readonly failures: readonly CampaignFailure[];
  /** What was counted over all runs, by name: kills, events, lost, duplicated … */
  readonly counters: Readonly<Record<string, number>>;
}

/** One run that went wrong. `--seed` with the campaign's seed and `--only` with the number repeats it. */
export interface CampaignFailure {
  readonly run: number;
  readonly message: string;
}

/** How a campaign is run. */
export interface CampaignOptions {
  /** Decides everything that is random. Run n of one seed is the same run whichever runs are done with it. */
  readonly seed: number;
  /** Number of the first run; more than 0 when a campaign is resumed. */
  readonly first: number;
  /** How many runs. */
  readonly runs: number;
  /** The sources to run with, in turn: run n takes the n-th of them, from the start again after the last. */
  readonly sources: readonly string[];
  /** Called after each run with the sum since `first`. */
  readonly onProgress: (soFar: CampaignResult) => void;
  readonly signal: AbortSignal;
}

/** Many runs of one test with different seeds, at any size. A module of `test/campaigns/` exports one as `campaign`. */
export interface Campaign {
  readonly name: string;
  /** One sentence. */
  readonly description: string;
  /** The full number of runs; with sources, of each of them. */
  readonly runs: number;
  /** The tests run one in so many. @default 20, or 60 of each source where there are several */
  readonly share?: number | undefined;
  /** The sources that it can be run with; all of them unless `--source` names some. */
  readonly sources?: readonly string[] | undefined;
  run(options: CampaignOptions): Promise<CampaignResult>;
}
