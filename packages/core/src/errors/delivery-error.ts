import { CdcError, type CdcErrorOptions } from './cdc-error.ts';

/** The request did not get through, or its answer did not come back. */
export class DeliveryConnectionError extends CdcError {
  override readonly name = 'DeliveryConnectionError' as const;
  override readonly code = 'DELIVERY_CONNECTION' as const;
  override readonly retryable = true as const;
}

/** The API did not answer in time. */
export class DeliveryTimeoutError extends CdcError {
  override readonly name = 'DeliveryTimeoutError' as const;
  override readonly code = 'DELIVERY_TIMEOUT' as const;
  override readonly retryable = true as const;
}

/** The API answered with a status that means failure. Carries no body: it may hold row values. */
export class HttpStatusError extends CdcError {
  override readonly name = 'HttpStatusError' as const;
  override readonly code: 'HTTP_STATUS' | 'API_KEY_REFUSED' | 'REDIRECT_REFUSED';
  override readonly retryable: boolean;
  readonly status: number;
  /** `X-Correlation-Id` of the answer, for the API's support, or null. */
  readonly correlationId: string | null;
  /** From `Retry-After`, or null. */
  readonly retryAfterMs: number | null;

  constructor(
    status: number,
    message: string,
    options: CdcErrorOptions & {
      readonly correlationId?: string | null | undefined;
      readonly retryAfterMs?: number | null | undefined;
    } = {},
  ) {
    super(message, options);
    this.status = status;
    this.code =
      status === 401 || status === 403
        ? 'API_KEY_REFUSED'
        : status >= 300 && status < 400
          ? 'REDIRECT_REFUSED'
          : 'HTTP_STATUS';
    this.retryable = status === 408 || status === 425 || status === 429 || status >= 500;
    this.correlationId = options.correlationId ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** The answer is not what the API gives (for example HTML from a proxy). */
export class ResponseInvalidError extends CdcError {
  override readonly name = 'ResponseInvalidError' as const;
  override readonly code = 'RESPONSE_INVALID' as const;
  override readonly retryable = true as const;
  readonly status: number;

  constructor(status: number, message: string, options?: CdcErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** The API rejected a record for good. */
export class RecordRejectedError extends CdcError {
  override readonly name = 'RecordRejectedError' as const;
  override readonly code = 'RECORD_REJECTED' as const;
  override readonly retryable = false as const;
}

/** An item failed as often as `retry.maxAttempts` allows. */
export class RetriesExhaustedError extends CdcError {
  override readonly name = 'RetriesExhaustedError' as const;
  override readonly code = 'RETRIES_EXHAUSTED' as const;
  override readonly retryable = false as const;
}
