/** Half of the values are below `p50`, and all but a hundredth below `p99`. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** The nearest of the values that has so many of them at or below it. */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
