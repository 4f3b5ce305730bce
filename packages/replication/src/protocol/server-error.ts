/**
 * The fields of an ErrorResponse that may be shown: message texts of the server can hold values, so only the ones of
 * replication commands are read, never detail, hint or context.
 *
 * https://www.postgresql.org/docs/current/protocol-error-fields.html
 */
export interface ServerError extends Error {
  readonly code: string;
  readonly severity: string;
}

/** Reads an ErrorResponse frame whose body begins at `at`. */
export function readServerError(bytes: Buffer, at: number, end: number): ServerError {
  let pos = at;
  let message = 'The server reported an error.';
  let code = 'XX000';
  let severity = 'ERROR';
  while (pos < end && bytes[pos] !== 0) {
    const field = String.fromCharCode(bytes[pos] ?? 0);
    const stop = bytes.indexOf(0, pos + 1);
    if (stop < 0) break;
    const text = bytes.toString('utf8', pos + 1, stop);
    if (field === 'M') message = text;
    else if (field === 'C') code = text;
    else if (field === 'V') severity = text;
    pos = stop + 1;
  }
  return Object.assign(new Error(message), { code, severity });
}
