import { CdcError } from '../../errors/cdc-error.ts';

/**
 * What is kept of an error that a caller's function threw: its name and where. Its message may hold row values.
 */
export function redactedCause(error: unknown): Error {
  if (CdcError.is(error)) return error;
  const name = error instanceof Error && /^\w{1,64}$/u.test(error.name) ? error.name : 'Error';
  const redacted = new Error(`${name} (its message is withheld: it may hold row values)`);
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  const lastText = lines.findLastIndex((line) => !/^\s+at /u.test(line));
  redacted.stack = [`Error: ${redacted.message}`, ...lines.slice(lastText + 1)].join('\n');
  return redacted;
}
