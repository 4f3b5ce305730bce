import { SourceProtocolError } from '@certyo-cdc/core';
import { readServerError } from './server-error.ts';

/** Reads a frame of the copy stream that carries no copy data; throws what the server reports. */
export function readOtherFrame(bytes: Buffer, pos: number, end: number): void {
  const kind = bytes[pos];
  if (kind === 0x45) throw readServerError(bytes, pos + 5, end);
  // CopyDone, CommandComplete and ReadyForQuery: the server ends the stream, and closes the connection.
  // NoticeResponse and ParameterStatus may come at any time.
  const isKnown = kind === 0x63 || kind === 0x43 || kind === 0x5a || kind === 0x4e || kind === 0x53;
  if (!isKnown) throw new SourceProtocolError(`Frame of kind ${String(kind)} in the copy stream.`);
}

/** What reading beyond a message's end, or a time beyond all calendars, throws. */
export function asProtocolError(error: unknown): unknown {
  if (!(error instanceof RangeError || error instanceof TypeError)) return error;
  return new SourceProtocolError('A message of the replication stream cannot be read.', {
    cause: error,
  });
}

/** Looks like a lost connection, because that is what it is about to become. */
export function shutdownStorm(): Error & { readonly code: string } {
  return Object.assign(
    new Error(
      'The server keeps asking for an answer without sending anything: it is shutting down.',
    ),
    { code: '57P01' },
  );
}
