import { type Position, SourceProtocolError } from '@certyo-cdc/core';
import { formatLsn, type Lsn, parseLsn } from '../protocol/lsn.ts';

/** A position of this source is the end of a transaction in the log, as PostgreSQL writes it. */
export function positionFromLsn(lsn: Lsn): Position {
  return formatLsn(lsn) as Position;
}

export function lsnFromPosition(position: Position): Lsn {
  const lsn = parseLsn(position);
  if (lsn === null) throw new SourceProtocolError('The checkpoint holds no log position.');
  return lsn;
}
