import type { Verdict } from '../sink/sink.ts';

/**
 * What an answer says about the other side as a whole: it failed when every item is to be tried again. Items that are
 * only to be asked alone say nothing against it.
 */
export function outcomeOf(verdicts: readonly Verdict[]): 'succeeded' | 'failed' {
  const isFailed = verdicts.every(
    (verdict) => (verdict.type === 'retry' && verdict.alone !== true) || verdict.type === 'halt',
  );
  return isFailed ? 'failed' : 'succeeded';
}

/** The longest time for which the server does not want to be asked. */
export function retryAfterOf(verdicts: readonly Verdict[]): number | undefined {
  let longest: number | undefined;
  for (const verdict of verdicts) {
    if (verdict.type !== 'retry' || verdict.retryAfterMs === undefined) continue;
    longest = Math.max(longest ?? 0, verdict.retryAfterMs);
  }
  return longest;
}
