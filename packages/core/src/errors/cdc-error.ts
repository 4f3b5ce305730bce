import type { ErrorCode } from './codes.ts';

const BRAND: unique symbol = Symbol.for('certyo-cdc.error');

/** How an error is made. */
export interface CdcErrorOptions {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** What to do about it, where it is more exact than the remedy of the code: the SQL to run, the option to set. */
  readonly remedy?: string | undefined;
}

/**
 * Base of every error that this library makes. `message` ends with the remedy where there is one.
 *
 * Test with `CdcError.is(error)`: it also recognises errors of another copy of the library (ESM beside CJS).
 */
export abstract class CdcError extends Error {
  abstract override readonly name: string;
  /** A literal of `ERROR_CODES`: what happened, usual cause, remedy. */
  abstract readonly code: ErrorCode;
  /** True when the same call may work later without anybody acting. */
  abstract readonly retryable: boolean;
  /** What to do about it, or null where the code's own remedy in `ERROR_CODES` says it all. */
  readonly remedy: string | null;

  constructor(message: string, options: CdcErrorOptions = {}) {
    const text = options.remedy === undefined ? message : `${message} ${options.remedy}`;
    super(text, options.cause === undefined ? undefined : { cause: options.cause });
    this.remedy = options.remedy ?? null;
    Object.defineProperty(this, BRAND, { value: true, enumerable: false });
  }

  static is(error: unknown): error is CdcError {
    return typeof error === 'object' && error !== null && BRAND in error;
  }
}
