import type { ChangeEvent, Checkpoint, Position, StreamSharing } from '@certyo-cdc/core';
import { parseLsn } from '../protocol/lsn.ts';
import { assertServer } from '../setup/server-identity.ts';
import {
  acceptIdentity,
  type IdentityOptions,
  type ReplicationIdentity,
} from '../setup/identity.ts';
import type { Epochs } from './epochs.ts';
import { comparePositions, lsnFromPosition } from './source-position.ts';
import type { TextQuery } from './text-query.ts';
import { walFlushedTo } from './wal-end.ts';

export interface Admission {
  readonly identity: (timeline: number) => ReplicationIdentity;
  readonly options: Pick<IdentityOptions, 'acceptTables'>;
  readonly query: TextQuery;
  /** The checkpoint of the gap that the stream goes on behind; null where there was none. */
  readonly before?: Checkpoint | null | undefined;
  /** Of the timelines that the stream has read. */
  readonly epochs: () => Epochs;
}

/** What `shareSource` needs of a stream over a slot. */
export function replicationSharing(
  begin: Position,
  admission: Admission,
  forget: (end: Position) => void,
): StreamSharing {
  return Object.freeze({
    begin,
    compare: comparePositions,
    isCovered,
    forget,
    succeeds: (checkpoint) => isBefore(checkpoint, admission.before ?? null),
    admit: async (checkpoint, { signal }) => {
      signal.throwIfAborted();
      const { acceptTables } = admission.options;
      const identity = admission.identity(0);
      acceptIdentity(checkpoint, identity, { acceptTables, replaces: null });
      const { systemIdentifier } = identity;
      const timeline = Number(checkpoint.identity['timeline'] ?? 0);
      const end = await walFlushedTo(admission.query, { signal });
      signal.throwIfAborted();
      const { history, timeline: current } = admission.epochs();
      assertServer(
        { systemIdentifier, timeline: current },
        end,
        { server: { systemIdentifier, timeline }, reached: lsnFromPosition(checkpoint.position) },
        history,
      );
    },
  } satisfies StreamSharing);
}

/** Of the same history as the checkpoint of the gap, and at or behind it, in an epoch that the gap has ended. */
function isBefore(checkpoint: Checkpoint, gap: Checkpoint | null): boolean {
  if (gap === null || checkpoint.kind !== gap.kind || checkpoint.epoch > gap.epoch) return false;
  const members = ['systemIdentifier', 'database', 'slot'] as const;
  return (
    members.every((name) => checkpoint.identity[name] === gap.identity[name]) &&
    comparePositions(checkpoint.position, gap.position) >= 0
  );
}

/** A transaction ends behind the place where its commit begins. Copied rows belong to no transaction. */
function isCovered(event: ChangeEvent, end: Position): boolean {
  if (event.operation === 'message' && !event.transactional) {
    const lsn = parseLsn(event.lsn ?? '');
    return lsn !== null && lsn <= lsnFromPosition(end);
  }
  const commitLsn = parseLsn(event.transaction?.commitLsn ?? '');
  return commitLsn !== null && commitLsn < lsnFromPosition(end);
}
