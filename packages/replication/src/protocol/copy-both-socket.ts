import type { Duplex } from 'node:stream';
import { SourceConnectionError } from '@certyo-cdc/core';
import type { Client } from 'pg';
import { FrameBuffer, wholeFrameLength } from './frame-buffer.ts';
import { readServerError } from './server-error.ts';

const COPY_BOTH = 0x57; // 'W'
const ERROR = 0x45; // 'E'
const READY = 0x5a; // 'Z'

/** How a connection is turned into a copy stream. */
export interface CopyBothOptions {
  /** START_REPLICATION … */
  readonly command: string;
  /** Bytes that may wait to be read before the socket is paused. */
  readonly maxBufferedBytes: number;
  readonly maxMessageBytes: number;
  readonly signal: AbortSignal;
}

/** `pg` opens connections and logs in; its connection object is not part of its types. */
interface ClientWithConnection {
  readonly connection: { readonly stream: Duplex };
}

/**
 * The socket of a logged-in connection, read by this package itself.
 *
 * node-postgres emits an event for every CopyData message and cannot be paused, so a large transaction would be read
 * into memory as fast as the server sends. Here the socket is paused while `maxBufferedBytes` wait to be read, and
 * frames are read in the chunks that they came in.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
 */
export class CopyBothSocket {
  readonly #stream: Duplex;
  readonly #frames: FrameBuffer;
  readonly #maxBufferedBytes: number;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #paused = false;
  #ended: Error | null = null;
  #wake: (() => void) | null = null;
  #lastReceivedAtMs: number = Date.now();

  private constructor(stream: Duplex, options: CopyBothOptions) {
    this.#stream = stream;
    this.#frames = new FrameBuffer(options.maxMessageBytes);
    this.#maxBufferedBytes = options.maxBufferedBytes;
    // pg's own reader goes and ours comes in the same turn, so that no byte falls in between.
    stream.removeAllListeners('data');
    stream.on('data', this.#onData);
    stream.on('error', this.#onError);
    stream.on('close', this.#onClose);
    stream.on('end', this.#onClose);
  }

  /** Sends the command on an idle connection and waits until the server has begun to copy. */
  static async start(client: Client, options: CopyBothOptions): Promise<CopyBothSocket> {
    const { stream } = (client as unknown as ClientWithConnection).connection;
    const socket = new CopyBothSocket(stream, options);
    const abort = (): void => socket.destroy();
    options.signal.addEventListener('abort', abort, { once: true });
    try {
      stream.write(queryFrame(options.command));
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
    return this.#lastReceivedAtMs;
  }

  /** True while the socket is not read because nobody takes what has come. */
  get isPaused(): boolean {
    return this.#paused;
  }

  /**
   * Bytes that begin at a frame and hold at least one whole one. Rejects when the connection is lost, after everything
   * that came before has been given. The reader returns what is behind the last whole frame with `keep`.
   */
  async read(): Promise<Buffer> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#bufferedBytes -= chunk.length;
        if (this.#paused && this.#bufferedBytes <= this.#maxBufferedBytes / 2) {
          this.#paused = false;
          this.#lastReceivedAtMs = Date.now();
          this.#stream.resume();
        }
        const bytes = this.#frames.push(chunk);
        if (bytes !== null) return bytes;
        continue;
      }
      if (this.#ended !== null) throw this.#ended;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  keep(tail: Buffer): void {
    this.#frames.keep(tail);
  }

  /** Sends a frame; returns without waiting. Nothing is sent on a connection that is gone. */
  write(frame: Buffer): void {
    if (this.#ended === null && !this.#stream.destroyed) this.#stream.write(frame);
  }

  /** Ends reading with `error`, at once. */
  destroy(error?: Error): void {
    this.#chunks = [];
    this.#bufferedBytes = 0;
    this.#end(
      error ?? new SourceConnectionError('SOURCE_UNREACHABLE', 'The connection was closed.'),
    );
    this.#stream.removeListener('data', this.#onData);
    this.#stream.destroy();
  }

  /** Tells the server that the copy and the session are over, so that it frees the slot now. */
  async end(): Promise<void> {
    if (this.#ended !== null || this.#stream.destroyed) return this.destroy();
    this.#chunks = [];
    this.#end(new SourceConnectionError('SOURCE_UNREACHABLE', 'The connection was closed.'));
    this.#stream.removeListener('data', this.#onData);
    this.#stream.resume();
    await new Promise<void>((resolve) => {
      const giveUp = setTimeout(resolve, 1_000);
      this.#stream.once('close', () => {
        clearTimeout(giveUp);
        resolve();
      });
      // CopyDone, then Terminate.
      this.#stream.end(Buffer.from([0x63, 0, 0, 0, 4, 0x58, 0, 0, 0, 4]));
    });
    this.#stream.destroy();
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
          if (pos < bytes.length) {
            this.#chunks.unshift(bytes.subarray(pos));
            this.#bufferedBytes += bytes.length - pos;
          }
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

  readonly #onData = (chunk: Buffer): void => {
    this.#lastReceivedAtMs = Date.now();
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    if (!this.#paused && this.#bufferedBytes >= this.#maxBufferedBytes) {
      this.#paused = true;
      this.#stream.pause();
    }
    this.#rouse();
  };

  readonly #onError = (error: Error): void => {
    this.#end(
      new SourceConnectionError('SOURCE_UNREACHABLE', 'The replication connection was lost.', {
        cause: error,
      }),
    );
  };

  readonly #onClose = (): void => {
    this.#end(
      new SourceConnectionError(
        'SOURCE_UNREACHABLE',
        'The server closed the replication connection.',
      ),
    );
  };

  #end(error: Error): void {
    this.#ended ??= error;
    this.#rouse();
  }

  #rouse(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

function queryFrame(sql: string): Buffer {
  const length = Buffer.byteLength(sql) + 5;
  const frame = Buffer.alloc(length + 1);
  frame[0] = 0x51; // 'Q'
  frame.writeInt32BE(length, 1);
  frame.write(sql, 5);
  return frame;
}
