import { spanLength, spanStart, type Tuple } from '@certyo-cdc/postgres';

/** The length of a column that the server did not send. */
const NOT_SENT = -3;

/** In a key tuple the columns outside of the replica identity are sent as nulls, which they are not. */
export function markKeyTuple({ first, spans }: Tuple, inIdentity: readonly boolean[]): void {
  for (let i = 0; i < inIdentity.length; i++) {
    if (inIdentity[i] === false) spans[first + 2 * i + 1] = NOT_SENT;
  }
}

/**
 * True when an update changed status columns and nothing else (I10). Needs the whole old row (REPLICA IDENTITY FULL):
 * a column whose old value was not sent counts as changed.
 */
export function isStatusOnlyUpdate(
  before: Tuple,
  after: Tuple,
  statusColumns: readonly number[],
): boolean {
  let statusChanged = false;
  for (let i = 0; i < after.columns; i++) {
    if (isSameValue(before, after, i)) continue;
    if (!statusColumns.includes(i)) return false;
    statusChanged = true;
  }
  return statusChanged;
}

function isSameValue(before: Tuple, after: Tuple, i: number): boolean {
  const oldLength = spanLength(before, i);
  const newLength = spanLength(after, i);
  // Unchanged TOAST is unchanged by definition.
  if (newLength === -2) return true;
  if (oldLength !== newLength || oldLength === NOT_SENT) return false;
  if (oldLength < 0) return true;
  const oldAt = spanStart(before, i);
  const newAt = spanStart(after, i);
  return (
    before.bytes.compare(after.bytes, newAt, newAt + newLength, oldAt, oldAt + oldLength) === 0
  );
}
