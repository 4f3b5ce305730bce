import { CdcError, type CdcErrorOptions } from './cdc-error.ts';
import type { GapCode } from './codes.ts';

/** The connection to the server could not be made or was lost. */
export class SourceConnectionError extends CdcError {
  override readonly name = 'SourceConnectionError' as const;
  override readonly code:
    | 'SOURCE_UNREACHABLE'
    | 'SOURCE_LOGIN_REFUSED'
    | 'SOURCE_TLS'
    | 'SOURCE_BUSY';
  override readonly retryable: boolean;

  constructor(code: SourceConnectionError['code'], message: string, options?: CdcErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'SOURCE_UNREACHABLE' || code === 'SOURCE_BUSY';
  }
}

/** The server is not prepared for the source. The message names the SQL to run. */
export class SourceSetupError extends CdcError {
  override readonly name = 'SourceSetupError' as const;
  override readonly code = 'SOURCE_SETUP' as const;
  override readonly retryable = false as const;
}

/** The server sent something unexpected. */
export class SourceProtocolError extends CdcError {
  override readonly name = 'SourceProtocolError' as const;
  override readonly code = 'SOURCE_PROTOCOL' as const;
  override readonly retryable = false as const;
}

/** What a source keeps on disk could not be kept: no room, or more than its limit. */
export class SourceSpoolError extends CdcError {
  override readonly name = 'SourceSpoolError' as const;
  override readonly code = 'SOURCE_SPOOL' as const;
  override readonly retryable = false as const;
}

/** Notifications came faster than they were taken, and none is dropped in silence. */
export class NotificationsOverflowError extends CdcError {
  override readonly name = 'NotificationsOverflowError' as const;
  override readonly code = 'NOTIFICATIONS_OVERFLOW' as const;
  override readonly retryable = false as const;
}

/** Completeness can no longer be proved; the pipeline stops in state `gap`. Never retried. */
export class GapError extends CdcError {
  override readonly name = 'GapError' as const;
  override readonly code: GapCode;
  override readonly retryable = false as const;
  /** Names this gap in the option `recover` of a source that offers one; null where it does not. */
  readonly fingerprint: string | null;

  constructor(
    code: GapCode,
    message: string,
    options?: CdcErrorOptions & { readonly fingerprint?: string | undefined },
  ) {
    super(message, options);
    this.code = code;
    this.fingerprint = options?.fingerprint ?? null;
  }
}
