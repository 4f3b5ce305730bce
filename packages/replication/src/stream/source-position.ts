import { type Position, SourceProtocolError } from '@certyo-cdc/core';
import { formatLsn, type Lsn, parseLsn } from '../protocol/lsn.ts';

/** A position of this source is the end of a transaction in the log, as PostgreSQL writes it. */
export function positionFromLsn(lsn: Lsn): Position {
  return formatLsn(lsn) as Position;
}

/** Which of two positions comes first; copied rows come behind the transaction at whose end they are given. */
export function comparePositions(a: Position, b: Position): number {
  const left = lsnFromPosition(a);
  const right = lsnFromPosition(b);
  if (left !== right) return left < right ? -1 : 1;
  return Number(a.split('#', 2)[1] ?? '0') - Number(b.split('#', 2)[1] ?? '0');
}

export function lsnFromPosition(position: Position): Lsn {
  const lsn = parseLsn(position);
  if (lsn === null) throw new SourceProtocolError('The checkpoint holds no log position.');
  return lsn;
}
