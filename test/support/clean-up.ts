/** What has been made so far, and how it is ended: the newest first, all of it, whatever fails. */
export class CleanUp implements AsyncDisposable {
  readonly #steps: (() => Promise<unknown>)[] = [];

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be ended.');
  }
}

/** Makes something out of parts. When that fails, those that were made are ended. */
export async function making<T>(make: (cleanUp: CleanUp) => Promise<T>): Promise<T> {
  const cleanUp = new CleanUp();
  try {
    return await make(cleanUp);
  } catch (error) {
    await cleanUp[Symbol.asyncDispose]().catch(() => {});
    throw error;
  }
}
