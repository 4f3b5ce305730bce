import type { Comparison } from '@certyo-cdc/testing';

/** What the demo ends with. */
export interface DemoResult {
  readonly comparison: Comparison;
  readonly restarts: number;
  readonly seconds: number;
}

/** The one line of `--json`. */
export function jsonLine({ comparison, restarts, seconds }: DemoResult): string {
  const { committed, delivered, accepted, anchored, lost, duplicated, reordered, mismatched } =
    comparison;
  return JSON.stringify({
    committed,
    delivered,
    accepted,
    anchored,
    lost,
    duplicated,
    reordered,
    mismatched,
    attempts: comparison.attempts,
    restarts,
    seconds,
  });
}

export function isClean({ comparison }: DemoResult): boolean {
  const { committed, delivered, accepted, anchored } = comparison;
  const errors =
    comparison.lost + comparison.duplicated + comparison.reordered + comparison.mismatched;
  return (
    errors === 0 &&
    committed > 0 &&
    delivered === committed &&
    accepted === committed &&
    anchored === committed
  );
}

/** A table for people. */
export function table(result: DemoResult): string {
  const { comparison } = result;
  const head = ['table', 'records', 'committed', 'accepted', 'anchored'];
  const rows = Object.entries(comparison.byCollection).map(([name, of]) => [
    name,
    String(of.records),
    String(of.committed),
    String(of.accepted),
    String(of.anchored),
  ]);
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ');
  return [
    line(head),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...rows.map(line),
    '',
    `lost ${comparison.lost}, duplicated ${comparison.duplicated}, reordered ${comparison.reordered}, mismatched ${comparison.mismatched}`,
    `${comparison.attempts} records were sent for ${comparison.accepted} effects; the pipeline was killed ${result.restarts} times; ${result.seconds} s`,
    ...comparison.examples,
  ].join('\n');
}
