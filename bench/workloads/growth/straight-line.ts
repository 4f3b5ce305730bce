/** A cost that has a fixed part and one that grows with the size. */
export interface StraightLine {
  readonly fixed: number;
  readonly perUnit: number;
}

/** What was measured: the cost of one thing of that size. */
export interface CostOfSize {
  readonly size: number;
  readonly cost: number;
}

/**
 * The line that comes nearest in proportion: the squares of cost by line over cost, less one, are least. Small sizes
 * count as much as large ones.
 */
export function straightLine(costs: readonly CostOfSize[]): StraightLine {
  // With u = 1/cost and v = size/cost the best fixed·u + perUnit·v = 1 is found by the normal equations.
  let [uu, uv, vv, u1, v1] = [0, 0, 0, 0, 0];
  for (const { cost, size } of costs) {
    const [u, v] = [1 / cost, size / cost];
    uu += u * u;
    uv += u * v;
    vv += v * v;
    u1 += u;
    v1 += v;
  }
  const determinant = uu * vv - uv * uv;
  return {
    fixed: (u1 * vv - v1 * uv) / determinant,
    perUnit: (v1 * uu - u1 * uv) / determinant,
  };
}

/** How far measured costs are from a line: the most of cost over line through the least. */
export function spreadAround(line: StraightLine, costs: readonly CostOfSize[]): number {
  return mostOverLeast(costs.map(({ cost, size }) => cost / (line.fixed + line.perUnit * size)));
}

export function mostOverLeast(costs: readonly number[]): number {
  return Math.max(...costs) / Math.min(...costs);
}
