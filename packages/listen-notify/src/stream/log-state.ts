import { GapError, SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import type { QualifiedName } from '@certyo-cdc/postgres';
import { logGap, timelineGap } from './change-log.ts';
import { logStateSql } from './sql.ts';
import type { TextQuery } from './text-query.ts';

/** The log as it is when it is opened. */
export interface LogState {
  readonly logId: string;
  readonly prunedThrough: bigint;
  /** The last number that was drawn. */
  readonly drawn: bigint;
  readonly timeline: string;
  readonly createdAtMs: number;
}

export async function readLogState(query: TextQuery, log: QualifiedName): Promise<LogState> {
  const [row] = await query(logStateSql(log));
  if (row === undefined) {
    throw new SourceSetupError(`The change log ${tableLabel(log)} has lost its state.`, {
      remedy: 'Run source.teardown(), then source.setup().',
    });
  }
  return {
    logId: row['log_id'] ?? '',
    prunedThrough: BigInt(row['pruned_through'] ?? 0),
    drawn: BigInt(row['drawn'] ?? 0),
    timeline: row['timeline'] ?? '',
    createdAtMs: Number(row['created_at_ms']),
  };
}

/** What a checkpoint keeps of the log. */
export interface StoredLog {
  readonly position: bigint;
  readonly logId: string;
  readonly timeline: string;
}

/**
 * Refuses to go on with a log that cannot hold everything behind the checkpoint.
 *
 * @returns True when the server is on another timeline that provably holds everything up to the checkpoint.
 */
export function assertContinues(state: LogState, stored: StoredLog, log: QualifiedName): boolean {
  if (state.logId !== stored.logId) {
    throw logGap(
      `The change log ${tableLabel(log)} was made again, or emptied, since the checkpoint.`,
    );
  }
  if (state.prunedThrough > stored.position) {
    throw logGap(
      `The change log ${tableLabel(log)} was pruned through ${String(state.prunedThrough)}, beyond the checkpoint at ${String(stored.position)}: another pipeline reads the same log, or an old checkpoint was restored.`,
    );
  }
  if (state.drawn < stored.position) {
    throw new GapError(
      'GAP_POSITION_AHEAD',
      `The checkpoint at ${String(stored.position)} lies beyond the end of the change log at ${String(state.drawn)}: the server was restored, or lost changes in a failover.`,
      {
        remedy:
          'Changes that were delivered may be missing on this server. Find out which; then start under a new pipeline name after a copy (option copy).',
      },
    );
  }
  if (state.timeline === stored.timeline) return false;
  // That it was pruned is written in the log of the server that is read now, behind what was pruned.
  if (state.prunedThrough === stored.position) return true;
  throw timelineGap(stored.timeline, state.timeline);
}
