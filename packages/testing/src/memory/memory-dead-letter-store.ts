import type { DeadLetter, DeadLetterStore, NewDeadLetter } from '@certyo-cdc/core';

/** A dead-letter store in memory, to look into. */
export interface MemoryDeadLetterStore extends DeadLetterStore {
  /** All letters of a pipeline, in sequence order. */
  letters(pipeline: string): readonly DeadLetter[];
  /** Called before letters are stored; what it throws becomes the rejection. */
  onPark: ((letters: readonly NewDeadLetter[]) => void | Promise<void>) | null;
  /** Called when letters were read, before the answer arrives. */
  onListed: ((letters: readonly DeadLetter[]) => void | Promise<void>) | null;
}

class InMemoryDeadLetterStore implements MemoryDeadLetterStore {
  onPark: MemoryDeadLetterStore['onPark'] = null;
  onListed: MemoryDeadLetterStore['onListed'] = null;
  readonly #letters: Map<string, DeadLetter[]> = new Map();
  #sequence = 0;

  letters(pipeline: string): readonly DeadLetter[] {
    return [...(this.#letters.get(pipeline) ?? [])];
  }

  async park(
    pipeline: string,
    letters: readonly NewDeadLetter[],
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    options.signal.throwIfAborted();
    await this.onPark?.(letters);
    options.signal.throwIfAborted();
    const stored = this.#letters.get(pipeline) ?? [];
    this.#letters.set(pipeline, stored);
    for (const letter of letters) {
      const isRepeat = stored.some(
        (known) => known.eventId === letter.eventId && known.itemIndex === letter.itemIndex,
      );
      if (isRepeat) continue;
      this.#sequence += 1;
      const sequence = String(this.#sequence).padStart(16, '0');
      stored.push({ ...letter, sequence, parkedAtMs: Date.now() });
    }
  }

  async lanes(
    pipeline: string,
    options: { readonly signal: AbortSignal },
  ): Promise<readonly string[]> {
    options.signal.throwIfAborted();
    return [...new Set(this.letters(pipeline).map((letter) => letter.lane))];
  }

  async list(
    pipeline: string,
    options: {
      readonly lane?: string | undefined;
      readonly after?: string | undefined;
      readonly limit: number;
      readonly signal: AbortSignal;
    },
  ): Promise<readonly DeadLetter[]> {
    options.signal.throwIfAborted();
    const { after, lane, limit } = options;
    const letters = this.letters(pipeline)
      .filter((letter) => lane === undefined || letter.lane === lane)
      .filter((letter) => after === undefined || letter.sequence > after)
      .slice(0, limit);
    await this.onListed?.(letters);
    return letters;
  }

  async remove(
    pipeline: string,
    sequences: readonly string[],
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    options.signal.throwIfAborted();
    const gone = new Set(sequences);
    const kept = this.letters(pipeline).filter((letter) => !gone.has(letter.sequence));
    this.#letters.set(pipeline, kept);
  }

  async close(): Promise<void> {}
}

/** A dead-letter store in memory. Keeps what is parked for as long as the object lives, also after `close()`. */
export function memoryDeadLetterStore(): MemoryDeadLetterStore {
  return new InMemoryDeadLetterStore();
}
