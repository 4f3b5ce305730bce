import type { BatchWindow } from './batch-window.ts';
import type { Generation } from './generation.ts';
import type { Members } from './members.ts';
import type { ShareSettings } from './share-options.ts';

/** Batches that are kept for those that start a moment later, at most. */
const MOST_KEPT = 1_000;
/** A consumer that stalls again and again is waited for up to so many doublings of `stallMs`. */
const MOST_DOUBLINGS = 10;

/** Drops what all have taken. */
export function dropTaken<Row extends object>(
  window: BatchWindow<Row>,
  members: Members<Row>,
  { maxBufferBytes }: ShareSettings,
): void {
  // What is little is kept for those that start a moment later.
  const isLittle = window.bytes <= maxBufferBytes / 2 && window.size <= MOST_KEPT;
  if (window.isWhole && isLittle && members.areAwaited) return;
  window.dropTo(members.lowestCursor(window.next));
}

/** Goes on without those that take nothing, the furthest behind first. True when there is room then. */
export function makeRoom<Row extends object>(
  window: BatchWindow<Row>,
  members: Members<Row>,
  settings: ShareSettings,
): boolean {
  const { maxBufferBytes, stallMs, time } = settings;
  dropTaken(window, members, settings);
  for (const member of members.behind(window.next)) {
    if (window.bytes < maxBufferBytes || stallMs === false) break;
    const isStalled = time.now() - member.lastTakenAtMs >= stallMs * 2 ** member.stalls;
    if (member.isAsking || !isStalled) break;
    // One that is slow, not stuck, is given longer each time: reading again costs more than waiting.
    member.stalls = Math.min(member.stalls + 1, MOST_DOUBLINGS);
    member.cursor = null;
    dropTaken(window, members, settings);
  }
  return window.bytes < maxBufferBytes;
}

/**
 * Lets those that were further before pass what they have, whether they ask or not: nobody waits for them.
 *
 * @returns True when one of them passed something.
 */
export function passHad<Row extends object>(
  { sharing, window }: Generation<Row>,
  members: Members<Row>,
): boolean {
  let hasPassed = false;
  for (const member of members) {
    while (member.cursor !== null && member.isSkipping) {
      const batch = window.at(member.cursor);
      if (batch === null || !member.pass(batch, sharing)) break;
      hasPassed = true;
    }
  }
  return hasPassed;
}
