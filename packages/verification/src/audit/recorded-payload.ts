import type { RecordVersionName } from '@certyo-cdc/core';

/** Gives the payload of a record version, as JSON text, or null where it is not known. */
export type RecordedPayload = (
  version: RecordVersionName,
  options: { readonly signal: AbortSignal },
) => Promise<string | null>;
