import { CdcError, type CdcErrorOptions } from './cdc-error.ts';

/** The checkpoint could not be loaded or saved. */
export class CheckpointError extends CdcError {
  override readonly name = 'CheckpointError' as const;
  override readonly code = 'CHECKPOINT_STORE' as const;
  override readonly retryable: boolean;

  constructor(message: string, options: CdcErrorOptions & { readonly retryable: boolean }) {
    super(message, options);
    this.retryable = options.retryable;
  }
}

/** Another process has saved a checkpoint under the same pipeline name. */
export class CheckpointFencedError extends CdcError {
  override readonly name = 'CheckpointFencedError' as const;
  override readonly code = 'CHECKPOINT_FENCED' as const;
  override readonly retryable = false as const;
}

/** Parked records could not be stored or read. */
export class DeadLetterError extends CdcError {
  override readonly name = 'DeadLetterError' as const;
  override readonly code = 'DEAD_LETTER_STORE' as const;
  override readonly retryable: boolean;

  constructor(message: string, options: CdcErrorOptions & { readonly retryable: boolean }) {
    super(message, options);
    this.retryable = options.retryable;
  }
}

/** Receipts could not be stored or read. */
export class ReceiptError extends CdcError {
  override readonly name = 'ReceiptError' as const;
  override readonly code = 'RECEIPT_STORE' as const;
  override readonly retryable: boolean;

  constructor(message: string, options: CdcErrorOptions & { readonly retryable: boolean }) {
    super(message, options);
    this.retryable = options.retryable;
  }
}

/** Windows of completeness could not be stored or read. */
export class WindowError extends CdcError {
  override readonly name = 'WindowError' as const;
  override readonly code = 'WINDOW_STORE' as const;
  override readonly retryable: boolean;

  constructor(message: string, options: CdcErrorOptions & { readonly retryable: boolean }) {
    super(message, options);
    this.retryable = options.retryable;
  }
}

/** What became of records could not be written back into the database. */
export class WriteBackError extends CdcError {
  override readonly name = 'WriteBackError' as const;
  override readonly code: 'WRITE_BACK' | 'WRITE_BACK_LOOP';
  override readonly retryable: boolean;

  constructor(
    code: WriteBackError['code'],
    message: string,
    options: CdcErrorOptions & { readonly retryable: boolean },
  ) {
    super(message, options);
    this.code = code;
    this.retryable = options.retryable;
  }
}
