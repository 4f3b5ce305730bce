import { GapError } from '@certyo-cdc/core';
import { formatLsn, type Lsn, parseLsn } from '../protocol/lsn.ts';

/** Where a server left an earlier timeline. */
export interface TimelineSwitch {
  readonly timeline: number;
  readonly switchedAt: Lsn;
}

/**
 * Reads a timeline history file: a line per earlier timeline with its number, the position where it was left, and a
 * reason. https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES
 */
export function parseTimelineHistory(content: string): readonly TimelineSwitch[] {
  return content.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line);
    const switchedAt = match?.[2] === undefined ? null : parseLsn(match[2]);
    return match === null || switchedAt === null
      ? []
      : [{ timeline: Number(match[1]), switchedAt }];
  });
}

/**
 * Refuses a position that the server's timeline does not contain (I8): one on a timeline that is no ancestor, or one
 * behind the point where the server left it. The same position may hold other content there.
 */
export function assertOnTimeline(
  stored: { readonly timeline: number; readonly position: Lsn },
  server: { readonly timeline: number; readonly history: readonly TimelineSwitch[] },
): void {
  if (stored.timeline === server.timeline) return;
  const ancestor = server.history.find((entry) => entry.timeline === stored.timeline);
  if (ancestor !== undefined && stored.position <= ancestor.switchedAt) return;
  const reason =
    ancestor === undefined
      ? `timeline ${stored.timeline} is not in the history of the server's timeline ${server.timeline}`
      : `the server left timeline ${stored.timeline} at ${formatLsn(ancestor.switchedAt)}`;
  throw new GapError(
    'GAP_TIMELINE',
    `The checkpoint at ${formatLsn(stored.position)} is not part of this server's history: ${reason}.`,
    {
      remedy:
        'Changes that were delivered may be missing on this server. Find out which; then start under a new pipeline name after a copy.',
    },
  );
}
