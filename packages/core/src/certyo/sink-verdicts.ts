import { CdcError } from '../errors/cdc-error.ts';
import {
  HttpStatusError,
  RecordRejectedError,
  ResponseInvalidError,
} from '../errors/delivery-error.ts';
import type { JsonValue } from '../event/json.ts';
import type { Verdict } from '../sink/sink.ts';
import type { BulkVerdict } from './bulk-answer.ts';
import type { CertyoItem } from './certyo-item.ts';
import type { AcceptedRecord } from './certyo-types.ts';
import { mayHaveArrived } from './http-failure.ts';
import { asObject, textMember } from './internal/json-access.ts';

/** What a request was about; decides what a refusal means. */
export type RequestKind = 'single' | 'bulk';

/** The verdict on every item of a request that failed. Rethrows what is no error of ours: a defect. */
export function failureVerdict(error: unknown, kind: RequestKind): Verdict {
  if (error instanceof HttpStatusError) return statusVerdict(error, kind);
  if (!CdcError.is(error)) throw error;
  switch (error.code) {
    case 'DELIVERY_CONNECTION':
    case 'DELIVERY_TIMEOUT':
      return { type: 'retry', error, inDoubt: mayHaveArrived(error) };
    case 'RESPONSE_INVALID':
      return { type: 'retry', error, inDoubt: true };
    default:
      // For example a key function that returns what is no key.
      return { type: 'halt', error };
  }
}

function statusVerdict(error: HttpStatusError, kind: RequestKind): Verdict {
  const { status } = error;
  if (isRefusal(status)) {
    return kind === 'bulk'
      ? { type: 'rejected', error, scope: 'batch' }
      : { type: 'rejected', error: rejection(status, error), scope: 'item' };
  }
  if (isTransient(status)) {
    return {
      type: 'retry',
      error,
      inDoubt: isDoubtful(status),
      ...(error.retryAfterMs === null ? {} : { retryAfterMs: error.retryAfterMs }),
    };
  }
  // 3xx, 401, 403, 404, 405 and the like are about the client, not the record: parking would empty the pipeline.
  return { type: 'halt', error };
}

/** The verdict of a bulk answer on one item. */
export function bulkVerdict(verdict: BulkVerdict, status: number): Verdict {
  if (verdict.type === 'accepted') {
    return delivered(verdict.recordHash, verdict.acceptedAt, verdict.replayed);
  }
  if (verdict.type === 'unconfirmed') {
    return {
      type: 'retry',
      error: new ResponseInvalidError(
        status,
        'The answer to POST /api/v1/records/bulk does not confirm a record.',
      ),
      inDoubt: true,
      alone: true,
    };
  }
  // Without a status a refusal is one of validation, which the API does for each record.
  const own = verdict.status ?? 400;
  if (isRefusal(own)) return { type: 'rejected', error: rejection(own), scope: 'item' };
  const error = new HttpStatusError(own, `The API answered ${own} for a record of a bulk request.`);
  return isTransient(own)
    ? { type: 'retry', error, inDoubt: isDoubtful(own) }
    : { type: 'halt', error };
}

/** The verdict on a record that the API has accepted. */
export function acceptedVerdict(accepted: AcceptedRecord): Verdict {
  return delivered(accepted.recordHash, accepted.acceptedAt, accepted.idempotencyReplayed);
}

/** The verdict on a record that is too large to be sent. */
export function tooLargeVerdict(item: CertyoItem, maxRecordBytes: number): Verdict {
  return {
    type: 'rejected',
    scope: 'item',
    error: new RecordRejectedError(
      `A record of ${item.collection} has ${item.body.length} bytes; ${maxRecordBytes} are allowed.`,
      { remedy: 'Leave columns out with `columns`, or raise `maxRecordBytes`.' },
    ),
  };
}

/** What a verdict of this sink holds as its receipt. */
export interface ReceiptBody {
  readonly recordHash: string | null;
  readonly acceptedAt: string | null;
}

/** Reads what `delivered` wrote. */
export function receiptBody(receipt: JsonValue | undefined): ReceiptBody | null {
  const object = receipt === undefined ? null : asObject(receipt);
  if (object === null) return null;
  return {
    recordHash: textMember(object, 'recordHash'),
    acceptedAt: textMember(object, 'acceptedAt'),
  };
}

export function delivered(
  recordHash: string | null,
  acceptedAt: string | null,
  replayed: boolean,
): Verdict {
  return { type: 'delivered', replayed, receipt: { recordHash, acceptedAt, replayed } };
}

function rejection(status: number, cause?: HttpStatusError): RecordRejectedError {
  return new RecordRejectedError(
    cause === undefined ? `The API rejected a record (${status}).` : cause.message,
    { cause },
  );
}

/** Statuses that are about the content. */
function isRefusal(status: number): boolean {
  return status === 400 || status === 413 || status === 422;
}

function isTransient(status: number): boolean {
  return [408, 409, 423, 425, 429].includes(status) || status >= 500;
}

/** 425 and 429 say that nothing was done; a 5xx may have come after the fact, 409 means that it is being done. */
function isDoubtful(status: number): boolean {
  return status !== 425 && status !== 429;
}
