import type { BenchmarkResult } from './benchmark.ts';
import type { Machine } from './machine.ts';

/** One benchmark as it was run last. */
export interface ReportSection {
  readonly name: string;
  readonly summary: string;
  readonly result: BenchmarkResult;
  readonly machine: Machine;
  /** ISO 8601, of the whole command. */
  readonly date: string;
  readonly rounds: number;
  readonly isQuick: boolean;
}
