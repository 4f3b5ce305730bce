/** What a key was answered with the first time. */
export interface RememberedAnswer {
  readonly recordId: string;
  readonly recordHash: string;
  readonly acceptedAtMs: number;
}

/** How long a key is remembered. */
export const IDEMPOTENCY_WINDOW_MS: number = 24 * 60 * 60 * 1000;

/** The keys of one tenant with the answers they were given. */
export class IdempotencyStore<Answer extends RememberedAnswer> {
  readonly #answers = new Map<string, Answer>();
  readonly #capacity: number | null;
  /** Oldest first, from `#oldest` on. A Map's own order is no help: its deleted entries slow its iteration down. */
  #queue: { readonly key: string; readonly answer: Answer }[] = [];
  #oldest = 0;

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
    this.#answers.set(key, answer);
    this.#queue.push({ key, answer });
    let entry = this.#queue[this.#oldest];
    while (entry !== undefined && this.#mayForget(entry.answer, nowMs)) {
      // The key may have been used again since, after the window.
      if (this.#answers.get(entry.key) === entry.answer) this.#answers.delete(entry.key);
      this.#oldest += 1;
      entry = this.#queue[this.#oldest];
    }
    if (this.#oldest > 1024 && this.#oldest > this.#queue.length / 2) {
      this.#queue = this.#queue.slice(this.#oldest);
      this.#oldest = 0;
    }
  }

  #mayForget(answer: Answer, nowMs: number): boolean {
    return (
      !isWithinWindow(answer, nowMs) ||
      (this.#capacity !== null && this.#answers.size > this.#capacity)
    );
  }
}

function isWithinWindow(answer: RememberedAnswer, nowMs: number): boolean {
  return nowMs - answer.acceptedAtMs < IDEMPOTENCY_WINDOW_MS;
}
