/** A pause that ends early when somebody wakes it. A call while nothing waits counts for the next pause. */
export class Waker {
  #isCalled = false;
  #wake: (() => void) | null = null;

  call(): void {
    this.#isCalled = true;
    this.#wake?.();
  }

  /** Resolves after `ms` with false, or with true when called; rejects with the signal's reason. */
  pause(ms: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      if (this.#isCalled) {
        this.#isCalled = false;
        resolve(true);
        return;
      }
      const over = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        this.#wake = null;
      };
      const abort = (): void => {
        over();
        reject(signal.reason as Error);
      };
      const timer = setTimeout(() => {
        over();
        resolve(false);
      }, ms);
      this.#wake = () => {
        over();
        this.#isCalled = false;
        resolve(true);
      };
      signal.addEventListener('abort', abort, { once: true });
    });
  }
}
