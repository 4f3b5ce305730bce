import type { Verdict } from './compare.ts';
import type { ScheduleOutcome } from './run-schedule.ts';
import type { Version } from './schedule.ts';

/** What was wrong with what a reader of latest states gave. */
export interface LatestVerdict extends Verdict {
  /** Given again although nothing had changed; allowed after a restart. */
  readonly repeated: number;
}

/**
 * Compares with the last committed version of every key: it has to be the last one that was given; what was given before has
 * to be committed versions, in order.
 */
export function compareLatest({ committed, observed, early }: ScheduleOutcome): LatestVerdict {
  const wanted = new Set(committed.map(label));
  const keys = new Set(committed.map(({ key }) => key));
  const last = new Map(committed.map((version) => [version.key, label(version)]));
  const given = new Map<string, string>();
  const ids = new Map<string, string>();
  const newest = new Map<number, Version>();
  let reordered = 0;
  let repeated = 0;
  let renamed = 0;
  let uncommitted = early.length;
  for (const row of observed) {
    if (row.version === 0) continue;
    const name = label(row);
    if (!wanted.has(name)) uncommitted += 1;
    if ((given.get(name) ?? row.id) !== row.id || (ids.get(row.id) ?? name) !== name) renamed += 1;
    if (given.has(name)) repeated += 1;
    if (row.version < (newest.get(row.key)?.version ?? 0)) reordered += 1;
    else newest.set(row.key, row);
    given.set(name, row.id);
    ids.set(row.id, name);
  }
  const lost = [...keys].filter((key) => {
    const found = newest.get(key);
    return found === undefined || label(found) !== last.get(key);
  }).length;
  return { lost, reordered, uncommitted, renamed, repeated };
}

function label({ key, version, operation }: Version): string {
  return `${String(key)} ${String(version)} ${operation}`;
}
