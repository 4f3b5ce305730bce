import { SourceProtocolError } from '@certyo-cdc/core';
import type { RowBlock } from '@certyo-cdc/postgres';
import type { Client } from 'pg';
import { wholeFrameLength } from '../protocol/frame-buffer.ts';
import { readServerError } from '../protocol/server-error.ts';
import { queryFrame, SocketReader, type SocketReaderOptions } from '../protocol/socket-reader.ts';
import { SharedSpans } from './shared-spans.ts';

const COPY_DATA = 0x64; // 'd'
const ERROR = 0x45; // 'E'
const READY = 0x5a; // 'Z'

/** CopyOutResponse, CopyDone, CommandComplete, NoticeResponse, ParameterStatus. */
const KNOWN_KINDS: ReadonlySet<number | undefined> = new Set([0x48, 0x63, 0x43, 0x4e, 0x53]);

/** How a copy is read. */
export interface CopyOutOptions extends SocketReaderOptions {
  /** Columns of the rows that the statement gives. */
  readonly columns: number;
  readonly signal: AbortSignal;
  /** Called with what tells when bytes last came before the server is waited for, and with null when a block has come. */
  readonly onWait?: (silence: { readonly lastReceivedAtMs: () => number } | null) => void;
}

/**
 * Runs `COPY … TO STDOUT` on an idle connection and gives its rows, block by block, in the bytes in which they came: nothing is copied.
 * The server is held up while nobody takes the rows. Afterwards the connection is idle again; when the iteration is
 * left early, or rejects for anything but an error of the statement, it is gone.
 *
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
 */
export async function* copyOut(
  client: Client,
  sql: string,
  options: CopyOutOptions,
): AsyncGenerator<RowBlock, void, undefined> {
  const { signal, columns, onWait } = options;
  signal.throwIfAborted();
  const reader = new SocketReader(client, options);
  const spans = new SharedSpans(columns);
  const abort = (): void => reader.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  let isOver = false;
  let failure: Error | null = null;
  try {
    reader.write(queryFrame(sql));
    while (!isOver) {
      onWait?.(waitFor(reader));
      const bytes = await reader.read();
      onWait?.(null);
      let pos = 0;
      for (;;) {
        const length = wholeFrameLength(bytes, pos);
        if (length === 0) break;
        const kind = bytes[pos];
        const end = pos + length;
        if (kind === COPY_DATA) {
          spans.read(bytes, pos + 5, end);
        } else if (kind === ERROR) failure = readServerError(bytes, pos + 5, end);
        else if (kind === READY) isOver = true;
        else if (!KNOWN_KINDS.has(kind)) {
          throw new SourceProtocolError(`Frame of kind ${String(kind)} in a copy.`);
        }
        pos = end;
      }
      reader.keep(bytes.subarray(pos));
      const block = spans.take(bytes);
      if (block.rows > 0) yield block;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    if (isOver) reader.release();
    else reader.destroy();
  }
  if (failure !== null) throw failure;
}

/** What is waited for since now. */
function waitFor(reader: SocketReader): { readonly lastReceivedAtMs: () => number } {
  const sinceMs = Date.now();
  return { lastReceivedAtMs: () => Math.max(sinceMs, reader.lastReceivedAtMs) };
}
