import type { NewDeadLetter } from '@certyo-cdc/core';

/** Bounds of one INSERT, so that neither side builds a message of unbounded size. */
const MAX_LETTERS = 500;
const MAX_LENGTH = 4_000_000;

/** Splits letters into runs that one INSERT takes; a letter over the bound goes alone. */
export function batchLetters(
  letters: readonly NewDeadLetter[],
): readonly (readonly NewDeadLetter[])[] {
  const batches: NewDeadLetter[][] = [];
  let batch: NewDeadLetter[] = [];
  let length = 0;
  for (const letter of letters) {
    const isFull = batch.length >= MAX_LETTERS || length + letter.item.length > MAX_LENGTH;
    if (batch.length === 0 || isFull) {
      batch = [];
      length = 0;
      batches.push(batch);
    }
    batch.push(letter);
    length += letter.item.length;
  }
  return batches;
}

/** Why a letter cannot be kept exactly, or null. PostgreSQL's text holds neither NUL nor lone surrogates. */
export function letterProblem(letter: NewDeadLetter): string | null {
  for (const member of ['lane', 'eventId', 'item', 'errorCode'] as const)
    if (letter[member].includes('\0') || /\p{Surrogate}/u.test(letter[member]))
      return `A record cannot be parked: \`${member}\` contains NUL or a lone surrogate.`;
  return null;
}
