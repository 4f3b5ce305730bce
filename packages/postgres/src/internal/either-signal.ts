import { setMaxListeners } from 'node:events';

/**
 * One signal may be given to any number of calls at once: Node's warning about more than ten listeners is lifted. The
 * limit is not looked at first: `getMaxListeners` throws in Node 20 where it has been lifted already.
 */
export function expectManyListeners(signal: AbortSignal): void {
  setMaxListeners(0, signal);
}

/**
 * Runs `work` with a signal that follows both. `AbortSignal.any` would leave a trace on the longer-lived one with every
 * call (nodejs/node#54614); here nothing stays behind.
 */
export async function withEitherSignal<T>(
  first: AbortSignal,
  second: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  expectManyListeners(first);
  expectManyListeners(second);
  const controller = new AbortController();
  const followFirst = (): void => {
    controller.abort(first.reason);
  };
  const followSecond = (): void => {
    controller.abort(second.reason);
  };
  first.addEventListener('abort', followFirst, { once: true });
  second.addEventListener('abort', followSecond, { once: true });
  try {
    if (first.aborted) followFirst();
    else if (second.aborted) followSecond();
    return await work(controller.signal);
  } finally {
    first.removeEventListener('abort', followFirst);
    second.removeEventListener('abort', followSecond);
  }
}
