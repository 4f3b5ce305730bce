import { CdcError, type CertyoClient, HttpStatusError, type PipelineTime } from '@certyo-cdc/core';
import { type GatedCalls, sleep } from '@certyo-cdc/core/internal';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** Requests that go on no matter what is asked: nothing of the question is wrong. */
export class LookInterrupted extends Error {
  override readonly name = 'LookInterrupted' as const;
  override readonly cause: unknown;

  constructor(cause: unknown) {
    super('The API could not be asked.');
    this.cause = cause;
  }
}

/** The verifier's requests: one after the other, not more often than is allowed, through the gate of the client's scope. */
export class Requests {
  readonly client: CertyoClient;
  readonly #calls: GatedCalls;
  readonly #time: PipelineTime;
  readonly #leastMs: number;
  #nextAtMs = 0;
  count = 0;

  constructor(
    client: CertyoClient,
    calls: GatedCalls,
    time: PipelineTime,
    maxPerSecond: number | false,
  ) {
    this.client = client;
    this.#calls = calls;
    this.#time = time;
    this.#leastMs = maxPerSecond === false ? 0 : 1000 / maxPerSecond;
  }

  /**
   * The answer, or null where the API says that this cannot be asked (a status that is about the question).
   *
   * @throws LookInterrupted when the API is away, wants no requests now, or refuses the key.
   */
  async ask<T>(
    request: (client: CertyoClient, options: CallOptions) => Promise<T>,
    { signal }: CallOptions,
  ): Promise<T | null> {
    await this.#pace(signal);
    this.count += 1;
    try {
      return await this.#calls.call((within) => request(this.client, { signal: within }), {
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (isAboutTheQuestion(error)) return null;
      throw CdcError.is(error) ? new LookInterrupted(error) : error;
    }
  }

  /** The status of a request that changes something: null when it was taken. */
  async tell(
    request: (client: CertyoClient, options: CallOptions) => Promise<unknown>,
    options: CallOptions,
  ): Promise<number | null> {
    let refused: number | null = null;
    await this.ask(async (client, within) => {
      try {
        await request(client, within);
      } catch (error) {
        if (!(error instanceof HttpStatusError) || !isAboutTheQuestion(error)) throw error;
        refused = error.status;
      }
    }, options);
    return refused;
  }

  async #pace(signal: AbortSignal): Promise<void> {
    const nowMs = this.#time.now();
    const waitMs = this.#nextAtMs - nowMs;
    this.#nextAtMs = Math.max(this.#nextAtMs, nowMs) + this.#leastMs;
    if (waitMs > 0) await sleep(this.#time, waitMs, signal);
  }
}

/** 401 and 403 are about the key, 429 and 5xx about the API. */
function isAboutTheQuestion(error: unknown): boolean {
  if (error instanceof HttpStatusError) {
    return error.code === 'HTTP_STATUS' && !error.retryable;
  }
  return CdcError.is(error) && error.code === 'RESPONSE_INVALID';
}
