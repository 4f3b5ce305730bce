import { TransportFailure } from '../http-failure.ts';
import { onAbort } from '../../internal/on-abort.ts';

/**
 * Runs work with a signal that aborts with the caller's or after `timeoutMs`; leaves no timer and no listener behind.
 */
export async function withDeadline<T>(
  signal: AbortSignal,
  timeoutMs: number,
  work: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const timer = setTimeout(
    () =>
      controller.abort(
        new TransportFailure('REQUEST_TIMEOUT', `No answer within ${timeoutMs} ms.`),
      ),
    timeoutMs,
  );
  const forget = onAbort(signal, () => controller.abort(signal.reason));
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    forget();
  }
}
