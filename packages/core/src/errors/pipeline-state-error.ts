import { CdcError } from './cdc-error.ts';

/** A pipeline method was called in a state in which it has no meaning. */
export class PipelineStateError extends CdcError {
  override readonly name = 'PipelineStateError' as const;
  override readonly code = 'PIPELINE_STATE' as const;
  override readonly retryable = false as const;
}
