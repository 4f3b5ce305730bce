import type { PipelineTime } from './time.ts';

/** Resolves when all have settled, or when the time is over. Leaves no timer. */
export async function settleWithin(
  promises: readonly Promise<unknown>[],
  ms: number,
  time: PipelineTime,
): Promise<void> {
  let cancel = (): void => {};
  const timeout = new Promise<void>((resolve) => {
    cancel = time.setTimeout(resolve, ms);
  });
  try {
    await Promise.race([Promise.allSettled(promises), timeout]);
  } finally {
    cancel();
  }
}
