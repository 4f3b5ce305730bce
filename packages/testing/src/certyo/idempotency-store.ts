/** What a key was answered with the first time. */
export interface RememberedAnswer {
  readonly recordId: string;
  readonly recordHash: string;
  readonly acceptedAtMs: number;
}

/** How long a key is remembered. */
export const IDEMPOTENCY_WINDOW_MS: number = 24 * 60 * 60 * 1000;

/** The keys of one tenant with the answers they were given, oldest first. */
export class IdempotencyStore<Answer extends RememberedAnswer> {
  readonly #answers = new Map<string, Answer>();
  readonly #capacity: number | null;

  /** @param capacity Most keys remembered, or null for all of the window. */
  constructor(capacity: number | null) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#answers.size;
  }

  find(key: string, nowMs: number): Answer | null {
    const answer = this.#answers.get(key);
    return answer !== undefined && isWithinWindow(answer, nowMs) ? answer : null;
  }

  remember(key: string, answer: Answer, nowMs: number): void {
    // Deleted first, so that a key used again after the window moves to the end.
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    for (const [oldKey, oldAnswer] of this.#answers) {
      const isSurplus = this.#capacity !== null && this.#answers.size > this.#capacity;
      if (!isSurplus && isWithinWindow(oldAnswer, nowMs)) break;
      this.#answers.delete(oldKey);
    }
  }
}

function isWithinWindow(answer: RememberedAnswer, nowMs: number): boolean {
  return nowMs - answer.acceptedAtMs < IDEMPOTENCY_WINDOW_MS;
}
