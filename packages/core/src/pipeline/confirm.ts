import type { WorkItem } from './work-item.ts';

/**
 * Which items have to be asked about before they are sent (H-07): their earlier fate is unknown, for longer than the
 * other side recognises a repeated item.
 */
export function itemsToConfirm<Item>(
  items: readonly WorkItem<Item>[],
  windowMs: number,
  nowMs: number,
): WorkItem<Item>[] {
  return items.filter(
    (item) => item.mustConfirm || (item.inDoubt && nowMs - item.firstAttemptAtMs > windowMs),
  );
}

/**
 * The commit time before which a redelivered event may have been sent so long ago that its idempotency key is
 * forgotten; -Infinity when none can be.
 *
 * @param savedAtMs When the checkpoint was saved that the pipeline goes on from; null when there is none.
 */
export function confirmBefore(
  savedAtMs: number | null,
  windowMs: number | undefined,
  nowMs: number,
): number {
  if (windowMs === undefined) return -Infinity;
  const windowStartMs = nowMs - windowMs;
  return savedAtMs === null || savedAtMs < windowStartMs ? windowStartMs : -Infinity;
}

/** Whether an event was committed before that time. An unknown commit time is not. */
export function wasCommittedBefore(
  committedAt: string | null | undefined,
  beforeMs: number,
): boolean {
  if (beforeMs === -Infinity || committedAt === null || committedAt === undefined) return false;
  return Date.parse(committedAt) < beforeMs;
}
