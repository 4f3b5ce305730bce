/** How far back a rate looks. */
const WINDOW_MS = 300_000;

/** One look at a slot. */
export interface GrowthSample {
  readonly atMs: number;
  /** End of the server's log. */
  readonly walEnd: bigint;
  /** What the server keeps for the slot, bytes. */
  readonly retainedBytes: number;
}

/** Bytes per second over the last minutes. */
export interface Growth {
  readonly walBytesPerSecond: number;
  /** Negative while the slot catches up. */
  readonly retainedBytesPerSecond: number;
}

/** Drops what is too old, also everything before a log that went back (a restore), and adds the newest look. */
export function withSample(
  samples: readonly GrowthSample[],
  newest: GrowthSample,
): readonly GrowthSample[] {
  const last = samples.at(-1);
  if (last !== undefined && (newest.walEnd < last.walEnd || newest.atMs <= last.atMs)) {
    return [newest];
  }
  return [...samples.filter(({ atMs }) => newest.atMs - atMs <= WINDOW_MS), newest];
}

/** The rates between the oldest and the newest look; null where there are not two. */
export function growthOf(samples: readonly GrowthSample[]): Growth | null {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return null;
  const seconds = (last.atMs - first.atMs) / 1_000;
  return {
    walBytesPerSecond: Number(last.walEnd - first.walEnd) / seconds,
    retainedBytesPerSecond: (last.retainedBytes - first.retainedBytes) / seconds,
  };
}
