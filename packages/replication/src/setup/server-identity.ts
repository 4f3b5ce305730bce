import { GapError, SourceConnectionError } from '@certyo-cdc/core';
import { formatLsn, type Lsn } from '../protocol/lsn.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { assertOnTimeline, type TimelineSwitch } from './timeline.ts';

/** Which server, and which of its histories. */
export interface ServerIdentity {
  readonly systemIdentifier: string;
  readonly timeline: number;
}

/**
 * Refuses to go on at a server that does not hold what was read so far: another cluster, a timeline without our
 * position, or a log that ends before it. The server itself would wait in silence until its log has
 * grown past the position.
 *
 * A standby may only be late: one that was just started, or is about to be promoted, has not replayed all yet.
 */
export async function assertServer(
  server: ServerIdentity,
  walEnd: Lsn,
  resume: { readonly server: ServerIdentity | null; readonly reached: Lsn | null },
  history: readonly TimelineSwitch[],
  query: TextQuery,
): Promise<void> {
  const { reached } = resume;
  if (resume.server === null || reached === null) return;
  if (resume.server.systemIdentifier !== server.systemIdentifier) {
    throw new GapError(
      'GAP_CHECKPOINT_FOREIGN',
      `The server's system identifier is ${server.systemIdentifier}; the checkpoint belongs to ${resume.server.systemIdentifier}.`,
      {
        remedy:
          'Connect to the server that the checkpoint was saved for; or start under a new pipeline name after a copy.',
      },
    );
  }
  const isBehind = reached > walEnd || resume.server.timeline > server.timeline;
  if (isBehind && (await isInRecovery(query))) {
    throw new SourceConnectionError(
      'SOURCE_UNREACHABLE',
      `The server is a standby that has replayed the log of timeline ${server.timeline} up to ${formatLsn(walEnd)}; ${formatLsn(reached)} of timeline ${resume.server.timeline} has been read already.`,
      { remedy: 'Wait until it has caught up with its primary, or connect to one that has.' },
    );
  }
  assertOnTimeline(
    { timeline: resume.server.timeline, position: reached },
    { timeline: server.timeline, history },
  );
  if (reached > walEnd) {
    throw new GapError(
      'GAP_POSITION_AHEAD',
      `The checkpoint at ${formatLsn(reached)} lies beyond the end of the server's log at ${formatLsn(walEnd)}: the server was restored, or lost changes in a failover.`,
      {
        remedy:
          'Changes that were delivered may be missing on this server. Find out which; then start under a new pipeline name after a copy.',
      },
    );
  }
}

async function isInRecovery(query: TextQuery): Promise<boolean> {
  const [row] = await query('SELECT pg_catalog.pg_is_in_recovery()::text AS is_standby', []);
  return row?.['is_standby'] === 'true';
}
