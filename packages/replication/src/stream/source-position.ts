import { type Position, SourceProtocolError } from '@certyo-cdc/core';
import { formatLsn, type Lsn, parseLsn } from '../protocol/lsn.ts';

/**
 * A position of this source is the end of a transaction in the log, as PostgreSQL writes it. Rows that are copied at such an
 * end have ends of their own behind it: `16/B374D848#3`.
 */
export function positionFromLsn(lsn: Lsn): Position {
  return formatLsn(lsn) as Position;
}

/** Where a checkpoint says that reading begins; null where it says nothing, and that is its position. */
export function readFromOf(stored: unknown): Lsn | null {
  return typeof stored === 'string' ? lsnFromPosition(stored as Position) : null;
}

export function lsnFromPosition(position: Position): Lsn {
  const lsn = parseLsn(position.split('#', 1)[0] ?? '');
  if (lsn === null) throw new SourceProtocolError('The checkpoint holds no log position.');
  return lsn;
}

/** Which of two positions comes first; copied rows come behind the transaction at whose end they are given. */
export function comparePositions(a: Position, b: Position): number {
  const left = lsnFromPosition(a);
  const right = lsnFromPosition(b);
  if (left !== right) return left < right ? -1 : 1;
  return copiesAt(a) - copiesAt(b);
}

/** How many ends of copied rows there are at a position up to this one. */
export function copiesAt(position: Position): number {
  return Number(position.split('#', 2)[1] ?? '0');
}

/** The n-th end of copied rows at a position. */
export function copyPosition(position: Position, n: number): Position {
  return `${position.split('#', 1)[0] ?? ''}#${n}` as Position;
}
