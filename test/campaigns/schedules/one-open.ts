/** What can be closed, and opens itself again when it is used. */
interface Closable {
  close(): Promise<void>;
}

/** Targets of several kinds, of which one is open at a time; another goes on where it was when its turn comes again. */
export class OneOpen<Kind extends string, Target extends Closable> implements AsyncDisposable {
  readonly #make: (kind: Kind) => Target;
  readonly #targets = new Map<Kind, Target>();
  #open: Target | null = null;

  constructor(make: (kind: Kind) => Target) {
    this.#make = make;
  }

  /** Closes the one that is open, unless it is of this kind. */
  async target(kind: Kind): Promise<Target> {
    const target = this.#targets.get(kind) ?? this.#make(kind);
    this.#targets.set(kind, target);
    if (this.#open !== target) await this.#open?.close();
    this.#open = target;
    return target;
  }

  /** Closes the one that is open. */
  async rest(): Promise<void> {
    await this.#open?.close();
    this.#open = null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.rest();
  }
}
