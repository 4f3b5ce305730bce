import { randomBytes } from 'node:crypto';
import type {
  ChangeBatch,
  ChangeStream,
  Checkpoint,
  Position,
  SourceEvent,
  SourceLag,
} from '@certyo-cdc/core';
import { SourceConnectionError } from '@certyo-cdc/core';
import type { HintedStream } from '@certyo-cdc/postgres';
import { Listener } from '../listener/listener.ts';
import type { ListeningSession, RawNotification } from '../listener/listening-session.ts';
import { ColumnCache } from './column-cache.ts';
import { HintFeeder } from './hint-feeder.ts';
import { payloadObjects } from './objects.ts';
import type { PayloadSettings } from './options.ts';
import type { PayloadKeys } from './payload-message.ts';
import { loadKeys } from './preparation.ts';

/** $1 channel, $2 payload. */
const FENCE_SQL = `SELECT (pg_catalog.pg_notify($1, $2))::text AS told,
  (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8::text AS micros`;

/** Shortest time between two looks whether the keys have been made again. */
const REFRESH_KEYS_MS = 5_000;

/** Hears notifications and tells a catch-up stream of them. Its failure is nobody's: what it does not tell is found anyway. */
export class PayloadListener {
  readonly #settings: PayloadSettings;
  readonly #onEvent: (event: SourceEvent) => void;
  readonly #listener: Listener;
  readonly #fenceChannel = `certyo_fence_${randomBytes(12).toString('hex')}`;
  readonly #closing = new AbortController();
  #keys: PayloadKeys;
  #keysReadAtMs = performance.now();
  #refreshing: Promise<void> = Promise.resolve();
  #feeder: HintFeeder | null = null;

  constructor(settings: PayloadSettings, keys: PayloadKeys, onEvent: (event: SourceEvent) => void) {
    const { channel } = payloadObjects(settings);
    this.#settings = settings;
    this.#keys = keys;
    this.#onEvent = onEvent;
    this.#listener = new Listener({
      connection: settings.connection,
      channels: [channel, this.#fenceChannel],
      settings: settings.listener,
      onEvent,
      onNotification: (notification) => this.#heard(notification),
      onLost: () => this.#feeder?.missed(),
      onBack: () => {
        this.#feeder?.missed();
        this.#refreshKeys();
      },
      onFailed: (error) =>
        onEvent({
          type: 'source-warned',
          code: 'LISTENER_FAILED',
          message: `Notifications are not heard any more: ${error instanceof Error ? error.message : 'the connection cannot be made again.'} Changes are found by looking at intervals.`,
        }),
    });
  }

  /** Listens; LISTEN is committed when this resolves. */
  open(signal: AbortSignal): Promise<void> {
    return this.#listener.open(signal);
  }

  /** Tells this stream from now on. It was opened after `open`, so whatever came before is in what it reads (N-02). */
  feed(stream: HintedStream): void {
    const cache = new ColumnCache((sql, parameters) => this.#session().query(sql, parameters));
    this.#feeder = new HintFeeder({
      stream,
      keys: () => this.#keys,
      sendFence: async (fence) => {
        const [row] = await this.#session().query(FENCE_SQL, [this.#fenceChannel, String(fence)]);
        return { serverMicros: Number(row?.['micros'] ?? 0) };
      },
      columns: (relation, digest) => cache.columns(relation, digest),
      refreshKeys: () => this.#refreshKeys(),
      monotonicMs: () => performance.now(),
      onEvent: this.#onEvent,
      signal: this.#closing.signal,
    });
    this.#feeder.start();
  }

  async close(): Promise<void> {
    this.#closing.abort(new SourceConnectionError('SOURCE_UNREACHABLE', 'The stream is closed.'));
    await this.#listener.close();
    await this.#feeder?.close();
    await this.#refreshing;
  }

  #session(): ListeningSession {
    const { session } = this.#listener;
    if (session !== null) return session;
    throw new SourceConnectionError('SOURCE_UNREACHABLE', 'There is no listening connection.');
  }

  #heard(notification: RawNotification): void {
    if (notification.channel !== this.#fenceChannel) {
      this.#feeder?.heard(notification);
      return;
    }
    const isOurs = String(notification.processId) === this.#listener.session?.process.pid;
    if (isOurs) this.#feeder?.fenceArrived(Number(notification.payload));
  }

  #refreshKeys(): void {
    const nowMs = performance.now();
    if (nowMs - this.#keysReadAtMs < REFRESH_KEYS_MS) return;
    this.#keysReadAtMs = nowMs;
    this.#refreshing = loadKeys(this.#settings, { signal: this.#closing.signal })
      .then((keys) => {
        this.#keys = keys;
      })
      // With the old ones, everything is a doorbell.
      .catch(() => undefined);
  }
}

/** The catch-up stream, told of changes by notifications. */
export class PayloadStream implements ChangeStream {
  readonly #stream: ChangeStream;
  readonly #listener: PayloadListener;
  #closed: Promise<void> | null = null;

  constructor(stream: ChangeStream, listener: PayloadListener) {
    this.#stream = stream;
    this.#listener = listener;
  }

  [Symbol.asyncIterator](): AsyncIterator<ChangeBatch> {
    const inner = this.#stream[Symbol.asyncIterator]();
    return {
      next: () => inner.next(),
      return: async () => {
        await inner.return?.();
        await this[Symbol.asyncDispose]();
        return { done: true, value: undefined };
      },
    };
  }

  checkpoint(end: Position): Checkpoint {
    return this.#stream.checkpoint(end);
  }

  acknowledge(end: Position): Promise<void> {
    return this.#stream.acknowledge(end);
  }

  lag(): Promise<SourceLag> {
    return this.#stream.lag();
  }

  caughtUp(options: { readonly signal: AbortSignal }): Promise<void> {
    return this.#stream.caughtUp(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#listener.close();
    await this.#stream[Symbol.asyncDispose]();
  }
}
