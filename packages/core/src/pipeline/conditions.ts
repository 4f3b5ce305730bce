interface Waiting {
  readonly test: () => boolean;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Promises that wait for something to become true. `check` is called after every step that may have made it so. */
export class Conditions {
  readonly #waiting: Set<Waiting> = new Set();
  #closed: { readonly reason: unknown } | null = null;

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Resolves when `test` holds. Rejects with `signal.reason`, or with what `close` is given. */
  until(test: () => boolean, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) {
        reject(this.#closed.reason);
        return;
      }
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      if (test()) {
        resolve();
        return;
      }
      const onAbort = (): void => {
        this.#waiting.delete(waiting);
        reject(signal?.reason);
      };
      const waiting: Waiting = {
        test,
        resolve: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        reject: (reason) => {
          signal?.removeEventListener('abort', onAbort);
          reject(reason);
        },
      };
      this.#waiting.add(waiting);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  check(): void {
    if (this.#waiting.size === 0) return;
    for (const waiting of this.#waiting) {
      if (!waiting.test()) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  /** Rejects all that wait, and all that come later. */
  close(reason: unknown): void {
    if (this.#closed !== null) return;
    this.#closed = { reason };
    for (const waiting of this.#waiting) waiting.reject(reason);
    this.#waiting.clear();
  }
}
