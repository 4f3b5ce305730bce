import { copyBenchmark } from '../workloads/copy/copy.ts';
import { growthBenchmark } from '../workloads/growth/growth.ts';
import { idleBenchmark } from '../workloads/idle/idle.ts';
import { logBenchmark } from '../workloads/log/log.ts';
import { memoryBenchmark } from '../workloads/memory/memory.ts';
import { memoryHourBenchmark } from '../workloads/memory/memory-hour.ts';
import { latencyBenchmark } from '../workloads/latency/latency.ts';
import { decodeBenchmark } from '../workloads/decode/decode.ts';
import { pipelineBenchmark } from '../workloads/pipeline/pipeline.ts';
import { sourceBenchmark } from '../workloads/source/source.ts';
import { writerCostBenchmark } from '../writer-cost/benchmark.ts';
import type { Benchmark } from './benchmark.ts';

/** What `pnpm bench` runs without a name, in this order. */
export const DEFAULT_BENCHMARKS: readonly Benchmark[] = [
  decodeBenchmark,
  sourceBenchmark,
  pipelineBenchmark,
  latencyBenchmark,
  copyBenchmark,
  memoryBenchmark,
  growthBenchmark,
  logBenchmark,
  idleBenchmark,
];

/** What runs only when it is named: it takes long, or answers a question of its own. */
export const OTHER_BENCHMARKS: readonly Benchmark[] = [memoryHourBenchmark, writerCostBenchmark];
