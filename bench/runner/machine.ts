import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/** Where a benchmark was run. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly kernel: string;
  readonly node: string;
  /** Runnable processes on average over the minute before: above a tenth of a core somebody else was at work. */
  readonly loadBefore: number;
}

/** The machine as it is now. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: systemName(),
    // The number alone: what stands behind it is of the build.
    kernel: /^[\d.]*/.exec(release())?.[0] ?? '',
    node: process.version,
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}

function systemName(): string {
  try {
    const text = readFileSync('/etc/os-release', 'utf8');
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(text)?.[1] ?? process.platform;
  } catch {
    return process.platform;
  }
}
