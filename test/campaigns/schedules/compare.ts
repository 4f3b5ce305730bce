import type { ScheduleOutcome } from './run-schedule.ts';
import type { Version } from './schedule.ts';

/** What was wrong with what a reader gave. */
export interface Verdict {
  /** Committed versions that were not given. */
  readonly lost: number;
  /** Versions that were given before an earlier one of their row. */
  readonly reordered: number;
  /** Given and never committed, or given before they were. */
  readonly uncommitted: number;
  /** One version under two names, or one name for two versions. */
  readonly renamed: number;
}

function label({ key, version, operation }: Version): string {
  return `${String(key)} ${String(version)} ${operation}`;
}

/** Compares with what was committed; a version that comes again after a restart counts once. */
export function compare({ committed, observed, early }: ScheduleOutcome): Verdict {
  const wanted = new Set(committed.map(label));
  const given = new Map<string, string>();
  const ids = new Map<string, string>();
  const newest = new Map<number, number>();
  let reordered = 0;
  let uncommitted = early.length;
  let renamed = 0;
  for (const row of observed) {
    if (row.version === 0) continue;
    const name = label(row);
    if (!wanted.has(name)) uncommitted += 1;
    if ((given.get(name) ?? row.id) !== row.id || (ids.get(row.id) ?? name) !== name) renamed += 1;
    if (!given.has(name)) {
      const before = newest.get(row.key) ?? 0;
      if (row.version < before) reordered += 1;
      newest.set(row.key, Math.max(before, row.version));
    }
    given.set(name, row.id);
    ids.set(row.id, name);
  }
  const lost = [...wanted].filter((name) => !given.has(name)).length;
  return { lost, reordered, uncommitted, renamed };
}

/** Throws when something was wrong. */
export function assertFaultless(verdict: Verdict): void {
  const wrong = Object.entries(verdict).filter(([, count]) => count > 0);
  if (wrong.length === 0) return;
  throw new Error(wrong.map(([name, count]) => `${String(count)} ${name}`).join(', '));
}
