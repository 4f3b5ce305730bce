import { CdcError, type CdcErrorOptions } from './cdc-error.ts';

/** An option is missing or wrong. Thrown synchronously by factories. */
export class ConfigurationError extends CdcError {
  override readonly name = 'ConfigurationError' as const;
  override readonly code = 'CONFIG_INVALID' as const;
  override readonly retryable = false as const;
  /** The option or environment variable that is wrong. */
  readonly option: string;

  constructor(option: string, message: string, options?: CdcErrorOptions) {
    super(message, options);
    this.option = option;
  }
}
