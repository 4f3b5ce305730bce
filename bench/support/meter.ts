/** What some work took, measured by the process that did it. */
export interface Usage {
  readonly seconds: number;
  /** User and system, of all threads. */
  readonly cpuSeconds: number;
  /** The most that the process ever held, start-up included. */
  readonly maxRssBytes: number;
}

/** Begins to measure; the function that it gives ends it. What the process did before does not count. */
export function startMeter(): () => Usage {
  const before = process.resourceUsage();
  const startedAt = process.hrtime.bigint();
  return () => {
    const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
    const after = process.resourceUsage();
    const micros =
      after.userCPUTime - before.userCPUTime + (after.systemCPUTime - before.systemCPUTime);
    return { seconds, cpuSeconds: micros / 1e6, maxRssBytes: after.maxRSS * 1024 };
  };
}
