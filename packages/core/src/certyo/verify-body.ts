import type { JsonValue } from '../event/json.ts';

/** What `verifyRecord` is asked. */
export interface VerifyRecordRequest {
  readonly database: string;
  readonly collection: string;
  readonly recordId: string;
  readonly recordVersion?: string | undefined;
  /** The row as it is now. Without it the answer says that something was anchored, not that this is it. */
  readonly payload?: JsonValue | undefined;
  /**
   * The payload as the JSON text that was anchored, sent to the letter, instead of `payload`: a value would be written anew, with
   * the keys of nested objects in another order than a column of type json has them.
   */
  readonly payloadText?: string | undefined;
}

/**
 * Makes the body of `POST /verify/record`.
 *
 * Assumption: the fields of the verification guide, which calls the row `payload`, plus `recordVersion`.
 */
export function encodeVerifyRequest(request: VerifyRecordRequest, tenantId: string): JsonValue {
  return {
    tenantId,
    database: request.database,
    collection: request.collection,
    recordId: request.recordId,
    ...(request.recordVersion === undefined ? {} : { recordVersion: request.recordVersion }),
    ...(request.payload === undefined ? {} : { payload: request.payload }),
  };
}
