import type { JsonRow } from '../event/json.ts';
import type { ChangeBatch } from '../source/change-source.ts';

/** The iterator of a stream that is closed when the loop over it is left; `next` gives null at its orderly end. */
export function batchIterator<Row extends object = JsonRow>(
  next: () => Promise<ChangeBatch<Row> | null>,
  stream: AsyncDisposable,
): AsyncIterator<ChangeBatch<Row>> {
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
