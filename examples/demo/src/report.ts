import type { Comparison } from '@certyo-cdc/testing';
import type { VerifiedReceipts } from './verify-receipts.ts';

/** What the demo ends with, for one source. */
export interface DemoResult {
  readonly comparison: Comparison;
  /** Effects that were accepted; with polling, states on the way to the final ones included. */
  readonly effects: number;
  readonly receipts: VerifiedReceipts;
  readonly restarts: number;
  readonly seconds: number;
}

/** The numbers of the JSON line. */
const COUNTS = [
  'committed',
  'delivered',
  'accepted',
  'anchored',
  'lost',
  'duplicated',
  'reordered',
  'mismatched',
  'attempts',
] as const;

/** The one line of `--json`: the totals, and the same by source. */
export function jsonLine(results: Readonly<Record<string, DemoResult>>, seconds: number): string {
  const all = Object.values(results);
  const sum = (of: (result: DemoResult) => number): number =>
    all.reduce((total, result) => total + of(result), 0);
  const totals = Object.fromEntries(
    COUNTS.map((name) => [name, sum(({ comparison }) => comparison[name])]),
  );
  const sources = Object.fromEntries(
    Object.entries(results).map(([source, { comparison, receipts, restarts, seconds: own }]) => [
      source,
      {
        ...Object.fromEntries(COUNTS.map((name) => [name, comparison[name]])),
        receipts: receipts.anchored,
        restarts,
        seconds: own,
      },
    ]),
  );
  return JSON.stringify({
    ...totals,
    receipts: sum(({ receipts }) => receipts.anchored),
    requestsPerThousandReceipts: perThousand(
      sum(({ receipts }) => receipts.requests),
      sum(({ receipts }) => receipts.anchored),
    ),
    restarts: sum(({ restarts }) => restarts),
    seconds,
    sources,
  });
}

function perThousand(requests: number, receipts: number): number {
  return receipts === 0 ? 0 : Math.round((requests / receipts) * 10_000) / 10;
}

/** True when all that was committed is held, once and rightly, and anchored. */
export function isClean({ comparison, receipts }: DemoResult): boolean {
  const { committed, delivered, accepted, anchored } = comparison;
  const errors =
    comparison.lost + comparison.duplicated + comparison.reordered + comparison.mismatched;
  return (
    errors === 0 &&
    committed > 0 &&
    delivered === committed &&
    accepted === committed &&
    anchored === committed &&
    receipts.anchored === receipts.kept &&
    receipts.anchored >= committed
  );
}

/** A table for people. */
export function table(source: string, result: DemoResult): string {
  const { comparison } = result;
  const head = [source, 'records', 'committed', 'accepted', 'anchored'];
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
    `${comparison.attempts} records were sent for ${result.effects} effects; the pipeline was killed ${result.restarts} times; ${result.seconds} s`,
    `${result.receipts.anchored} of ${result.receipts.kept} receipts were followed to the blockchain with ${result.receipts.requests} requests, ${perThousand(result.receipts.requests, result.receipts.anchored)} for a thousand`,
    ...comparison.examples,
  ].join('\n');
}
