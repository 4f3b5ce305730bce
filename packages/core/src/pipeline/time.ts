/** The clock and timers of a pipeline. */
export interface PipelineTime {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back once after `ms` milliseconds; the result cancels it. */
  setTimeout(callback: () => void, ms: number): () => void;
}

// setTimeout fires at once when it is asked for more than this.
const LONGEST_TIMEOUT_MS = 2_147_483_647;

/** The clock and timers of the process. */
export const SYSTEM_TIME: PipelineTime = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), LONGEST_TIMEOUT_MS));
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`; rejects with `signal.reason` when aborted, leaving no timer and no listener. */
export function sleep(time: PipelineTime, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = time.setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
