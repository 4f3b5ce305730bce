import {
  CdcError,
  type CertyoClient,
  type CertyoDocument,
  type RecordVersionName,
  type Verification,
} from '@certyo-cdc/core';
import { asObject, GatedCalls, sleep, SYSTEM_TIME, textMember } from '@certyo-cdc/core/internal';

import { LookInterrupted, Requests } from '../verifier/requests.ts';

/**
 * What Certyo says of a record version: anchored as it is said to be, not yet, another one or none, or nothing that this
 * version understands.
 */
export type OnlineAnswer = 'anchored' | 'pending' | 'differs' | 'unclear';

/** What is asked about. */
export interface OnlineQuestion extends RecordVersionName {
  /** The canonical payload; null where it is not known, then the hash is asked about. */
  readonly payload: string | null;
  /** Certyo's hash, or null. */
  readonly recordHash: string | null;
}

/** An answer, with what it says of hash and root; null where it does not. */
export interface OnlineFinding {
  readonly answer: OnlineAnswer;
  readonly recordHash: string | null;
  readonly merkleRoot: string | null;
}

const MAX_PER_SECOND = 10;
const TRIES = 5;
const FIRST_PAUSE_MS = 500;

/** Asks Certyo about record versions, one after the other, through the gate of the key. */
export class Questions {
  readonly #calls: GatedCalls;
  readonly #requests: Requests;

  constructor(client: CertyoClient, maxRequestsPerSecond: number | false = MAX_PER_SECOND) {
    this.#calls = new GatedCalls(client.scope);
    this.#requests = new Requests(client, this.#calls, SYSTEM_TIME, maxRequestsPerSecond);
  }

  /** @throws The API's refusal of the key, or that it is away for longer. */
  async ask(
    question: OnlineQuestion,
    options: { readonly signal: AbortSignal },
  ): Promise<OnlineFinding> {
    const { collection, database, payload, recordHash, recordId, recordVersion } = question;
    const name = { database, collection, recordId, recordVersion };
    const answer = await this.#patiently(
      (client, within) =>
        payload !== null
          ? client.verifyRecord({ ...name, payloadText: payload }, within)
          : recordHash !== null
            ? client.verifyPayload({ ...name, payloadHash: recordHash }, within)
            : client.verifyRecord(name, within),
      options,
    );
    if (answer === null) return { answer: 'differs', recordHash: null, merkleRoot: null };
    const raw = asObject(answer.raw);
    const merkleRoot = raw === null ? null : textMember(raw, 'onChainMerkleRoot');
    return { answer: toAnswer(answer), recordHash: answer.recordHash, merkleRoot };
  }

  release(): void {
    this.#calls.release();
  }

  /** What `GET /batches/{id}` answers; null where there is no such batch. */
  async batch(
    batchId: string,
    options: { readonly signal: AbortSignal },
  ): Promise<CertyoDocument | null> {
    return this.#patiently((client, within) => client.getBatch(batchId, within), options);
  }

  async #patiently<T>(
    request: (client: CertyoClient, options: { readonly signal: AbortSignal }) => Promise<T>,
    options: { readonly signal: AbortSignal },
  ): Promise<T | null> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await this.#requests.ask(request, options);
      } catch (error) {
        if (!(error instanceof LookInterrupted)) throw error;
        const { cause } = error;
        if (!CdcError.is(cause) || !cause.retryable || tried === TRIES) throw cause;
      }
      await sleep(SYSTEM_TIME, FIRST_PAUSE_MS * 2 ** (tried - 1), options.signal);
    }
  }
}

function toAnswer({
  anchored,
  reasonCategory,
  verificationStatus,
  verified,
}: Verification): OnlineAnswer {
  if (anchored) return 'anchored';
  if (verified || verificationStatus === 'pending' || reasonCategory === 'not_yet_anchored') {
    return 'pending';
  }
  return verificationStatus === 'fail' ? 'differs' : 'unclear';
}
