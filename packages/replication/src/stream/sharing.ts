import type { ChangeEvent, Checkpoint, Position, StreamSharing } from '@certyo-cdc/core';
import { passedGap, type Recovery } from '../care/recovery.ts';
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
  /** The gap that the stream goes on behind; null where there was none. */
  readonly recovery?: Pick<Recovery, 'gap' | 'isSameHistory' | 'stored'> | null | undefined;
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
    placeBehindGap: (checkpoint) => placeBehind(checkpoint, begin, admission.recovery ?? null),
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
      await assertServer(
        { systemIdentifier, timeline: current },
        end,
        { server: { systemIdentifier, timeline }, reached: lsnFromPosition(checkpoint.position) },
        history,
        admission.query,
      );
    },
  } satisfies StreamSharing);
}

/** Where a consumer that has not had the record of the gap goes on: where the stream begins, or further where it was. */
function placeBehind(
  checkpoint: Checkpoint,
  begin: Position,
  recovery: Admission['recovery'] | null,
): Position | null {
  if (recovery == null || !isBefore(checkpoint, recovery)) return null;
  const isOnHistory =
    recovery.isSameHistory &&
    checkpoint.identity['timeline'] === recovery.stored.identity['timeline'];
  const { position } = checkpoint;
  return isOnHistory && comparePositions(position, begin) > 0 ? position : begin;
}

/** Of the same source as the checkpoint of the gap, at or behind it, and saved before the gap was gone on behind. */
function isBefore(
  checkpoint: Checkpoint,
  { gap, stored }: NonNullable<Admission['recovery']>,
): boolean {
  if (checkpoint.kind !== stored.kind || passedGap(checkpoint)?.gap === gap) return false;
  const members = ['systemIdentifier', 'database', 'slot'] as const;
  return (
    members.every((name) => checkpoint.identity[name] === stored.identity[name]) &&
    comparePositions(checkpoint.position, stored.position) >= 0
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
