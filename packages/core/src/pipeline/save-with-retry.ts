import { CdcError } from '../errors/cdc-error.ts';
import { retryDelayMs, type RetryDelayOptions } from './retry-policy.ts';
import { sleep, type PipelineTime } from './time.ts';

interface SaveOptions {
  readonly retry: RetryDelayOptions;
  readonly time: PipelineTime;
  readonly random: () => number;
}

/** Calls `save` until it succeeds, as long as it fails with something that can be waited out. */
export async function saveWithRetry(
  save: () => Promise<void>,
  options: SaveOptions,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 1; ; failures += 1) {
    try {
      await save();
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!CdcError.is(error) || !error.retryable) throw error;
    }
    const delayMs = retryDelayMs(failures, undefined, options.retry, options.random());
    await sleep(options.time, Math.max(delayMs, 1), signal);
  }
}
