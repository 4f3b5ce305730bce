import { CdcError, type CdcErrorOptions } from './cdc-error.ts';

/** A value cannot be represented without altering it. Names the column, never the value. */
export class ValueError extends CdcError {
  override readonly name = 'ValueError' as const;
  override readonly code = 'VALUE_UNREPRESENTABLE' as const;
  override readonly retryable = false as const;
  readonly column: string | null;

  constructor(column: string | null, message: string, options?: CdcErrorOptions) {
    super(message, options);
    this.column = column;
  }
}

/** A record mapper threw, or the row does not match its schema. */
export class MappingError extends CdcError {
  override readonly name = 'MappingError' as const;
  override readonly code = 'MAPPING_FAILED' as const;
  override readonly retryable = false as const;
  readonly eventId: string;

  constructor(eventId: string, message: string, options?: CdcErrorOptions) {
    super(message, options);
    this.eventId = eventId;
  }
}
