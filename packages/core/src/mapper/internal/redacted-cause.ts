import { CdcError } from '../../errors/cdc-error.ts';

/**
 * What is kept of an error that a caller's function threw: its name and where. Its message may hold row values.
 */
export function redactedCause(error: unknown): Error {
  if (CdcError.is(error)) return error;
  const name = error instanceof Error && /^\w{1,64}$/u.test(error.name) ? error.name : 'Error';
  const redacted = new Error(`${name} (its message is withheld: it may hold row values)`);
  // The stack begins with the message; what does not is not understood, and left out.
  const head = String(error);
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const frames = stack.startsWith(head) ? stack.slice(head.length) : '';
  redacted.stack = `Error: ${redacted.message}${frames.startsWith('\n    at ') ? frames : ''}`;
  return redacted;
}
