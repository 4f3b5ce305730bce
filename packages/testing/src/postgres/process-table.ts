import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks since boot; tells a process from a later one with the same id. */
  readonly startedAt: string;
}

/** Reads `/proc/<pid>/stat`; null for no such process and for one that is dead and not yet reaped. */
function readStat(pid: number): ProcessRow | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The name, in parentheses, may hold blanks and parentheses: the fields start after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields;
  const startedAt = fields[19];
  if (state === 'Z' || state === 'X' || parent === undefined || startedAt === undefined)
    return null;
  return { pid, parent: Number(parent), startedAt };
}

const HAS_PROC: boolean = process.platform === 'linux';

/** When the process began, as a text that only has meaning on this machine; null when it is gone. */
export function processStart(pid: number): string | null {
  if (HAS_PROC) return readStat(pid)?.startedAt ?? null;
  try {
    process.kill(pid, 0);
    return '0';
  } catch (error) {
    // EPERM: it exists and is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? '0' : null;
  }
}

/** The ids of the direct children of a process. */
export function childrenOf(pid: number): number[] {
  if (HAS_PROC) {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => readStat(Number(name)))
      .filter((row) => row !== null)
      .filter((row) => row.parent === pid)
      .map((row) => row.pid);
  }
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child)
    .filter((child) => child !== undefined);
}

/** The command line of a process, empty when it is gone. */
export function commandLine(pid: number): string {
  try {
    return HAS_PROC
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      : execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
