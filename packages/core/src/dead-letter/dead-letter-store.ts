/** A parked item: it was rejected, or it belongs to a lane in which an earlier item is parked. */
export interface DeadLetter {
  /** Grows with every letter of a pipeline; order of redrive. */
  readonly sequence: string;
  readonly lane: string;
  readonly eventId: string;
  /** Number of the item within its event (a key change has two). */
  readonly itemIndex: number;
  /** The item as `Sink.serialize` wrote it. */
  readonly item: string;
  /** Code and message of the error; no row values. */
  readonly errorCode: string;
  readonly errorMessage: string;
  /**
   * Since when it may have been sent, milliseconds since 1970; where it never was, when it was parked. Null where the store does
   * not know: then the other side is asked before it is sent.
   */
  readonly sentSinceMs: number | null;
  readonly parkedAtMs: number;
}

export type NewDeadLetter = Omit<DeadLetter, 'sequence' | 'parkedAtMs'>;

/**
 * Where parked records are kept. `park` resolves when the letters are durable; parking the same
 * `(eventId, itemIndex)` again changes nothing.
 */
export interface DeadLetterStore {
  park(
    pipeline: string,
    letters: readonly NewDeadLetter[],
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
  /** Lanes that have parked letters. */
  lanes(pipeline: string, options: { readonly signal: AbortSignal }): Promise<readonly string[]>;
  /** The oldest letters, of one lane or of all, in sequence order. */
  list(
    pipeline: string,
    options: {
      readonly lane?: string | undefined;
      readonly after?: string | undefined;
      readonly limit: number;
      readonly signal: AbortSignal;
    },
  ): Promise<readonly DeadLetter[]>;
  remove(
    pipeline: string,
    sequences: readonly string[],
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
  /** Releases connections. Idempotent. */
  close(): Promise<void>;
}
