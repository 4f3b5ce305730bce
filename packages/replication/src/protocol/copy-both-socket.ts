import { SourceConnectionError } from '@certyo-cdc/core';
import type { Client } from 'pg';
import { wholeFrameLength } from './frame-buffer.ts';
import { readServerError } from './server-error.ts';
import { queryFrame, SocketReader, type SocketReaderOptions } from './socket-reader.ts';

const COPY_BOTH = 0x57; // 'W'
const ERROR = 0x45; // 'E'
const READY = 0x5a; // 'Z'

/** How a connection is turned into a copy stream. */
export interface CopyBothOptions extends SocketReaderOptions {
  /** START_REPLICATION … */
  readonly command: string;
  readonly signal: AbortSignal;
}

/** A connection on which both sides copy: the server sends log, the client says how far it is. */
export class CopyBothSocket {
  readonly #reader: SocketReader;

  private constructor(client: Client, options: CopyBothOptions) {
    this.#reader = new SocketReader(client, options);
  }

  /** Sends the command on an idle connection and waits until the server has begun to copy. */
  static async start(client: Client, options: CopyBothOptions): Promise<CopyBothSocket> {
    const socket = new CopyBothSocket(client, options);
    const abort = (): void => socket.destroy();
    options.signal.addEventListener('abort', abort, { once: true });
    try {
      socket.#reader.write(queryFrame(options.command));
      await socket.#begin();
      return socket;
    } catch (error) {
      socket.destroy();
      options.signal.throwIfAborted();
      throw error;
    } finally {
      options.signal.removeEventListener('abort', abort);
    }
  }

  /** When bytes last came, milliseconds since 1970. */
  get lastReceivedAtMs(): number {
    return this.#reader.lastReceivedAtMs;
  }

  /** True while the socket is not read because nobody takes what has come. */
  get isPaused(): boolean {
    return this.#reader.isPaused;
  }

  /** Bytes that begin at a frame and hold at least one whole one; see `SocketReader.read`. */
  read(): Promise<Buffer> {
    return this.#reader.read();
  }

  keep(tail: Buffer): void {
    this.#reader.keep(tail);
  }

  /** Sends a frame; returns without waiting. Nothing is sent on a connection that is gone. */
  write(frame: Buffer): void {
    this.#reader.write(frame);
  }

  /** Ends reading with `error`, at once. */
  destroy(error?: Error): void {
    this.#reader.destroy(error);
  }

  /** Tells the server that the copy and the session are over, so that it frees the slot now. */
  async end(): Promise<void> {
    if (this.#reader.isEnded) return this.destroy();
    const { stream } = this.#reader;
    this.#reader.end(new SourceConnectionError('SOURCE_UNREACHABLE', 'The connection was closed.'));
    stream.resume();
    await new Promise<void>((resolve) => {
      const giveUp = setTimeout(resolve, 1_000);
      stream.once('close', () => {
        clearTimeout(giveUp);
        resolve();
      });
      // CopyDone, then Terminate.
      stream.end(Buffer.from([0x63, 0, 0, 0, 4, 0x58, 0, 0, 0, 4]));
    });
    stream.destroy();
  }

  async #begin(): Promise<void> {
    for (;;) {
      const bytes = await this.read();
      let pos = 0;
      for (;;) {
        const length = wholeFrameLength(bytes, pos);
        if (length === 0) break;
        const kind = bytes[pos];
        if (kind === ERROR) throw readServerError(bytes, pos + 5, pos + length);
        pos += length;
        if (kind === COPY_BOTH) {
          // What follows may already be whole frames, so it is read like a chunk of its own.
          this.#reader.unread(bytes.subarray(pos));
          return;
        }
        // ReadyForQuery without CopyBothResponse: the command was no copy after all.
        if (kind === READY) {
          throw new SourceConnectionError('SOURCE_UNREACHABLE', 'The server began no copy stream.');
        }
      }
      this.keep(bytes.subarray(pos));
    }
  }
}
