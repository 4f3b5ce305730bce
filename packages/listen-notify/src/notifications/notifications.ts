import { abortable, onAbort } from '@certyo-cdc/core/internal';
import { Listener } from '../listener/listener.ts';
import { NotificationBuffer } from './notification-buffer.ts';
import type { NotificationItem } from './notification-item.ts';
import {
  normalizeNotificationsOptions,
  type NotificationsOptions,
  type NotificationsSettings,
} from './options.ts';

/** Notifications as they come, for one consumer. */
export interface NotificationStream
  extends AsyncIterableIterator<NotificationItem, undefined>, AsyncDisposable {
  /**
   * Connects and resolves when all channels are listened to: what is sent from then on is handed over. The iteration does
   * the same by itself. Rejects with the error that ends the stream.
   */
  listening(): Promise<void>;
  /** Ends the iteration and the connection. */
  return(): Promise<IteratorReturnResult<undefined>>;
}

/**
 * Gives the notifications of several channels one by one, over a connection of its own that is tried out at the start,
 * watched, and made again when it is lost.
 *
 * PostgreSQL keeps notifications for nobody: those that were sent while there was no connection are lost, and an item of
 * type `missed` says so. Equal notifications of one transaction arrive once. They come in the order of the commits.
 *
 * The iteration rejects with `SourceSetupError` when notifications cannot arrive (PgBouncer in transaction mode, a standby),
 * with `SourceConnectionError` when the first connection cannot be made or the login is refused later, with
 * `NotificationsOverflowError` when they are not taken fast enough, or with `signal.reason`.
 *
 * @throws ConfigurationError for options that are missing or wrong.
 * @example
 * for await (const item of notifications({ channels: ['orders', 'customers'] })) {
 *   if (item.type === 'missed') await refreshAll();
 *   else await refresh(item.channel, item.payload);
 * }
 */
export function notifications(options: NotificationsOptions): NotificationStream {
  return new ListenedNotifications(normalizeNotificationsOptions(options));
}

class ListenedNotifications implements NotificationStream {
  readonly #settings: NotificationsSettings;
  readonly #buffer: NotificationBuffer;
  readonly #listener: Listener;
  #opening: Promise<void> | null = null;
  #failure: unknown = null;
  #news: () => void = () => undefined;
  #forgetAbort: () => void = () => undefined;
  #closed: Promise<void> | null = null;

  constructor(settings: NotificationsSettings) {
    const { maxBuffered, whenFull } = settings;
    this.#settings = settings;
    this.#buffer = new NotificationBuffer({ maxBuffered, whenFull, nowMs: Date.now() });
    this.#listener = new Listener({
      connection: settings.connection,
      channels: settings.channels,
      settings: settings.listener,
      onEvent: settings.onEvent,
      onNotification: (notification) => this.#push({ type: 'notification', ...notification }),
      // The marker comes once the new connection listens, so that what is read on seeing it leaves nothing out.
      onLost: () => undefined,
      onBack: (sinceMs) => this.#push({ type: 'missed', sinceMs }),
      onFailed: (error) => this.#fail(error),
    });
  }

  listening(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async next(): Promise<IteratorResult<NotificationItem, undefined>> {
    const { signal } = this.#settings;
    try {
      if (this.#closed === null) await this.listening();
      for (;;) {
        signal.throwIfAborted();
        if (this.#closed !== null) return { done: true, value: undefined };
        const item = this.#buffer.take(Date.now());
        if (item !== null) return { done: false, value: item };
        if (this.#failure !== null) throw this.#failure;
        await this.#waitForNews(signal);
      }
    } catch (error) {
      const wasClosed = this.#closed !== null;
      await this[Symbol.asyncDispose]();
      if (wasClosed && !signal.aborted) return { done: true, value: undefined };
      throw error;
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this[Symbol.asyncDispose]();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #open(): Promise<void> {
    const { signal } = this.#settings;
    signal.throwIfAborted();
    await this.#listener.open(signal);
    this.#forgetAbort = onAbort(signal, () => void this[Symbol.asyncDispose]());
  }

  async #close(): Promise<void> {
    this.#forgetAbort();
    this.#news();
    await this.#listener.close();
  }

  #push(item: NotificationItem): void {
    if (this.#failure !== null) return;
    const overflow = this.#buffer.push(item);
    if (overflow !== null) this.#fail(overflow);
    this.#news();
  }

  /** What came before is still handed over. */
  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#news();
  }

  async #waitForNews(signal: AbortSignal): Promise<void> {
    const news = new Promise<void>((resolve) => {
      this.#news = resolve;
    });
    await abortable(news, signal);
  }
}
