import type { Duplex } from 'node:stream';
import { SourceConnectionError } from '@certyo-cdc/core';
import type { Client } from 'pg';
import { FrameBuffer } from './frame-buffer.ts';

/** `pg` opens connections and logs in; its connection object is not part of its types. */
interface ClientWithConnection {
  readonly connection: { readonly stream: Duplex };
}

type DataListener = (chunk: Buffer) => void;

/**
 * How long the socket is left alone after a small piece. The server writes every message by itself, and a reader that
 * waits for each wakes up, and is sent a signal, for each: three quarters of what reading costs, and half of the
 * server's speed. A change that comes after a silence is read at once.
 */
const REST_MS = 1;
/** A piece of this size says that more is waiting. */
const LARGE_BYTES = 8 * 1024;

/** How a socket is read. */
export interface SocketReaderOptions {
  /** Bytes that may wait to be read before the socket is paused. */
  readonly maxBufferedBytes: number;
  readonly maxMessageBytes: number;
}

/**
 * The socket of a logged-in connection, read by this package itself.
 *
 * node-postgres emits an event for every CopyData message and cannot be paused, so a large transaction would be read
 * into memory as fast as the server sends. Here the socket is paused while `maxBufferedBytes` wait to be read, and
 * frames are read in the chunks that they came in.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
 */
export class SocketReader {
  readonly #stream: Duplex;
  readonly #frames: FrameBuffer;
  readonly #maxBufferedBytes: number;
  readonly #listenersBefore: readonly DataListener[];
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #paused = false;
  #isResting = false;
  #restTimer: NodeJS.Timeout | null = null;
  #ended: Error | null = null;
  #wake: (() => void) | null = null;
  #lastReceivedAtMs: number = Date.now();

  constructor(client: Client, options: SocketReaderOptions) {
    const { stream } = (client as unknown as ClientWithConnection).connection;
    this.#stream = stream;
    this.#frames = new FrameBuffer(options.maxMessageBytes);
    this.#maxBufferedBytes = options.maxBufferedBytes;
    // pg's own reader goes and ours comes in the same turn, so that no byte falls in between.
    this.#listenersBefore = stream.listeners('data') as DataListener[];
    stream.removeAllListeners('data');
    stream.on('data', this.#onData);
    stream.on('error', this.#onError);
    stream.on('close', this.#onClose);
    stream.on('end', this.#onClose);
    // One that was lost before says so no more.
    if (stream.destroyed || stream.readableEnded) this.#onClose();
  }

  get stream(): Duplex {
    return this.#stream;
  }

  /** When bytes last came, milliseconds since 1970. */
  get lastReceivedAtMs(): number {
    return this.#lastReceivedAtMs;
  }

  /** True while the socket is not read because nobody takes what has come. */
  get isPaused(): boolean {
    return this.#paused;
  }

  get isEnded(): boolean {
    return this.#ended !== null || this.#stream.destroyed;
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
          if (!this.#isResting) this.#readOn();
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

  /** Gives back bytes that begin at a frame; they are read like a chunk of their own. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#chunks.unshift(bytes);
    this.#bufferedBytes += bytes.length;
  }

  /** Sends a frame; returns without waiting. Nothing is sent on a connection that is gone. */
  write(frame: Buffer): void {
    if (!this.isEnded) this.#stream.write(frame);
  }

  /** Drops what has not been read and ends reading with `error`. The socket stays as it is. */
  end(error: Error): void {
    this.#chunks = [];
    this.#bufferedBytes = 0;
    this.#end(error);
    this.#stream.removeListener('data', this.#onData);
    this.#stopResting();
  }

  /** Ends reading with `error`, at once, and drops the connection. */
  destroy(error?: Error): void {
    this.end(
      error ?? new SourceConnectionError('SOURCE_UNREACHABLE', 'The connection was closed.'),
    );
    this.#stream.destroy();
  }

  /** Gives the socket back to node-postgres. Only when everything that the server had to say has been read. */
  release(): void {
    this.#stream.removeListener('data', this.#onData);
    this.#stream.removeListener('error', this.#onError);
    this.#stream.removeListener('close', this.#onClose);
    this.#stream.removeListener('end', this.#onClose);
    this.#stopResting();
    for (const listener of this.#listenersBefore) this.#stream.on('data', listener);
    this.#stream.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#lastReceivedAtMs = Date.now();
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    if (!this.#paused && this.#bufferedBytes >= this.#maxBufferedBytes) {
      this.#paused = true;
      this.#stream.pause();
    } else if (!this.#isResting && chunk.length < LARGE_BYTES) this.#rest();
    this.#rouse();
  };

  #rest(): void {
    this.#isResting = true;
    this.#stream.pause();
    if (this.#restTimer === null) this.#restTimer = setTimeout(this.#onRested, REST_MS);
    else this.#restTimer.refresh();
  }

  readonly #onRested = (): void => {
    this.#isResting = false;
    if (!this.#paused && this.#ended === null) this.#readOn();
  };

  #stopResting(): void {
    this.#isResting = false;
    if (this.#restTimer !== null) clearTimeout(this.#restTimer);
    this.#restTimer = null;
  }

  /**
   * Takes what the stream holds, then whatever comes. The stream holds the piece that was read before the pause took hold; a
   * small one has the socket rest once more, and behind it comes in one piece what has waited in the system.
   */
  #readOn(): void {
    // Gives it to the listener, which may have the socket rest or pause again.
    this.#stream.read();
    if (!this.#isResting && !this.#paused) this.#stream.resume();
  }

  readonly #onError = (error: Error): void => {
    this.#takeRest();
    this.#end(
      new SourceConnectionError('SOURCE_UNREACHABLE', 'The replication connection was lost.', {
        cause: error,
      }),
    );
  };

  readonly #onClose = (): void => {
    this.#takeRest();
    this.#end(
      new SourceConnectionError(
        'SOURCE_UNREACHABLE',
        'The server closed the replication connection.',
      ),
    );
  };

  /** What came during a pause, before the connection was lost: the stream holds it, and tells of it no more. */
  #takeRest(): void {
    if (this.#ended !== null) return;
    this.#stream.removeListener('data', this.#onData);
    for (;;) {
      const chunk = this.#stream.read() as Buffer | null;
      if (chunk === null) return;
      this.#chunks.push(chunk);
      this.#bufferedBytes += chunk.length;
    }
  }

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

/** A simple query. https://www.postgresql.org/docs/current/protocol-message-formats.html */
export function queryFrame(sql: string): Buffer {
  const length = Buffer.byteLength(sql) + 5;
  const frame = Buffer.alloc(length + 1);
  frame[0] = 0x51; // 'Q'
  frame.writeInt32BE(length, 1);
  frame.write(sql, 5);
  return frame;
}
