import type { Spread } from './spread.ts';

/** How a benchmark is to be run. */
export interface BenchmarkContext {
  /** Small sizes: shows that it runs, not how fast. */
  readonly isQuick: boolean;
  /** How often every variant is run; see `roundsOf`. */
  readonly rounds: number;
  /** One line for people. */
  readonly say: (line: string) => void;
  /** Aborted when the command is interrupted: children are ended, servers removed. */
  readonly signal: AbortSignal;
}

/** A benchmark: our way of doing one thing beside other ways to do it, in one run on one machine. */
export interface Benchmark {
  /** What it is called on the command line, and in the last line of `--json`. */
  readonly name: string;
  /** One sentence: what is measured against what. */
  readonly summary: string;
  /** Rounds of a full and of a quick run where nobody asks for another number. */
  readonly rounds: { readonly full: number; readonly quick: number };
  run(context: BenchmarkContext): Promise<BenchmarkResult>;
}

/** What a benchmark found out. */
export interface BenchmarkResult {
  /** Goes into the last line under the benchmark's name: plain numbers and small objects, ratios first. */
  readonly figures: Readonly<Record<string, unknown>>;
  readonly tables: readonly Table[];
  readonly charts: readonly Chart[];
  /** Sentences for the docs under the tables: what was compared and why it is fair, what was skipped and why. */
  readonly notes?: readonly string[] | undefined;
}

/** A table of the docs. */
export interface Table {
  readonly title: string;
  readonly header: readonly string[];
  /** Cells of a row, as many as the header has. */
  readonly rows: readonly (readonly (string | number)[])[];
}

/** A chart of the docs. */
export type Chart = BarChart | LineChart;

export interface BarChart {
  readonly kind: 'bars';
  /** File name without its ending. */
  readonly name: string;
  readonly title: string;
  /** What the length of a bar says, such as `rows/s`. */
  readonly unit: string;
  /** The bar ends at the median; the spread is drawn over it. */
  readonly bars: readonly { readonly label: string; readonly value: Spread }[];
}

export interface LineChart {
  readonly kind: 'lines';
  /** File name without its ending. */
  readonly name: string;
  readonly title: string;
  readonly x: { readonly label: string; readonly isLogarithmic: boolean };
  readonly y: { readonly label: string; readonly isLogarithmic?: boolean | undefined };
  readonly lines: readonly {
    readonly label: string;
    readonly points: readonly { readonly x: number; readonly y: number }[];
  }[];
}
