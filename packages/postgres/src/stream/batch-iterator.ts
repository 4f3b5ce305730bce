import type { ChangeBatch } from '@certyo-cdc/core';

/** The iterator of a stream that is closed when the loop over it is left; `next` gives null at its orderly end. */
export function batchIterator(
  next: () => Promise<ChangeBatch | null>,
  stream: AsyncDisposable,
): AsyncIterator<ChangeBatch> {
  return {
    next: async () => {
      const batch = await next();
      return batch === null ? { done: true, value: undefined } : { done: false, value: batch };
    },
    return: async () => {
      await stream[Symbol.asyncDispose]();
      return { done: true, value: undefined };
    },
  };
}
