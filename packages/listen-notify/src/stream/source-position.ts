import { type Position, SourceProtocolError } from '@certyo-cdc/core';

/** A position of this source is the number of a log row behind which no transaction is cut, in decimal. */
export function positionFromSequence(sequence: bigint): Position {
  return sequence.toString() as Position;
}

export function sequenceFromPosition(position: Position): bigint {
  if (!/^\d{1,19}$/.test(position)) {
    throw new SourceProtocolError('The checkpoint holds no position in a change log.');
  }
  return BigInt(position);
}

/** The end of a stream that is still copying: it lies before the one at which the copy is whole. */
export function beforeCopy(begin: bigint): bigint {
  return begin - 1n;
}

/** Where the changes begin, for an end that `beforeCopy` gave. */
export function afterCopy(end: bigint): bigint {
  return end + 1n;
}
