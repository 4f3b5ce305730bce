import {
  CdcError,
  type CertyoClient,
  type CertyoDocument,
  type CertyoPage,
  HttpStatusError,
  type QueryParameters,
  type RecordVersionName,
  type Snapshot,
  type Verification,
} from '@certyo-cdc/core';
import { asObject, GatedCalls, sleep, SYSTEM_TIME, textMember } from '@certyo-cdc/core/internal';

import { LookInterrupted, Requests } from '../verifier/requests.ts';

/**
 * What Certyo says of a record version: anchored as it is said to be, not yet, that this has failed, another one or none, or nothing
 * that this version understands.
 */
export type OnlineAnswer = 'anchored' | 'pending' | 'failed' | 'differs' | 'unclear';

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
const NOT_FOUND = 404;
/** The API has no such thing, other than when it does not take the question. */
const NONE = 'none';

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
    if (answer === NONE) return { answer: 'differs', recordHash: null, merkleRoot: null };
    if (answer === null) return { answer: 'unclear', recordHash: null, merkleRoot: null };
    const raw = asObject(answer.raw);
    const merkleRoot = raw === null ? null : textMember(raw, 'onChainMerkleRoot');
    return { answer: toAnswer(answer), recordHash: answer.recordHash, merkleRoot };
  }

  release(): void {
    this.#calls.release();
  }

  /** What `GET /batches/{id}` answers; null where it gives none. */
  async batch(
    batchId: string,
    options: { readonly signal: AbortSignal },
  ): Promise<CertyoDocument | 'none' | null> {
    return this.#patiently((client, within) => client.getBatch(batchId, within), options);
  }

  /** A page of `GET /snapshots`; null where it gives none. */
  async snapshots(
    query: QueryParameters,
    options: { readonly signal: AbortSignal },
  ): Promise<CertyoPage<Snapshot> | null> {
    const page = await this.#patiently(
      (client, within) => client.listSnapshots(query, within),
      options,
    );
    return page === NONE ? null : page;
  }

  /** Null where the API says that this cannot be asked, or what nobody can read. */
  async #patiently<T>(
    request: (client: CertyoClient, options: { readonly signal: AbortSignal }) => Promise<T>,
    options: { readonly signal: AbortSignal },
  ): Promise<T | typeof NONE | null> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await this.#requests.ask(
          (client, within) => orNone(request(client, within)),
          options,
        );
      } catch (error) {
        if (!(error instanceof LookInterrupted)) throw error;
        const { cause } = error;
        if (!CdcError.is(cause) || !cause.retryable || tried === TRIES) throw cause;
      }
      await sleep(SYSTEM_TIME, FIRST_PAUSE_MS * 2 ** (tried - 1), options.signal);
    }
  }
}

async function orNone<T>(answer: Promise<T>): Promise<T | typeof NONE> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof HttpStatusError && error.status === NOT_FOUND) return NONE;
    throw error;
  }
}

function toAnswer({
  anchored,
  reasonCategory,
  verificationStatus,
  verified,
}: Verification): OnlineAnswer {
  if (anchored) return 'anchored';
  if (reasonCategory === 'anchoring_failed') return 'failed';
  if (verified || verificationStatus === 'pending' || reasonCategory === 'not_yet_anchored') {
    return 'pending';
  }
  return verificationStatus === 'fail' ? 'differs' : 'unclear';
}
