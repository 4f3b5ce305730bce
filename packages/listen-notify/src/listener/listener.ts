import { CdcError, PipelineStateError, SourceSetupError, type SourceEvent } from '@certyo-cdc/core';
import { sleep, SYSTEM_TIME } from '@certyo-cdc/core/internal';
import {
  describePostgresError,
  reconnectDelayMs,
  type ResolvedConnection,
} from '@certyo-cdc/postgres';
import { ListeningSession, type RawNotification } from './listening-session.ts';
import type { ListenerSettings } from './listener-options.ts';
import { QueueWatch } from './queue-watch.ts';
import { oldMinorWarning } from './server-minor.ts';

export interface ListenerParts {
  readonly connection: ResolvedConnection;
  readonly channels: readonly string[];
  readonly settings: ListenerSettings;
  readonly onEvent: (event: SourceEvent) => void;
  readonly onNotification: (notification: RawNotification) => void;
  /** The connection is lost; what is sent from now on is not heard. */
  readonly onLost: () => void;
  /** A new one listens; what was sent in between, from that time on (milliseconds since 1970), may not have been heard. */
  readonly onBack: (sinceMs: number) => void;
  /** It cannot be made again, and waiting does not help. */
  readonly onFailed: (error: unknown) => void;
}

/** Keeps one listening connection: asks whether it lives, and makes a new one when it does not (N-08). */
export class Listener {
  readonly #parts: ListenerParts;
  readonly #queue: QueueWatch;
  readonly #closing = new AbortController();
  #session: ListeningSession | null = null;
  #heartbeat: NodeJS.Timeout | undefined;
  #reconnecting: Promise<void> = Promise.resolve();

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#queue = new QueueWatch(parts.onEvent);
  }

  /** The connection that listens now, or null while there is none. */
  get session(): ListeningSession | null {
    return this.#session;
  }

  /** Makes the first connection. Rejects at once when that fails. */
  async open(signal: AbortSignal): Promise<void> {
    const session = await this.#connect(AbortSignal.any([signal, this.#closing.signal]));
    this.#session = session;
    const warning = oldMinorWarning(session.versionNumber);
    if (warning !== null) this.#parts.onEvent({ type: 'source-warned', ...warning });
    if (session.isLost) {
      this.#lost(session, null);
      return;
    }
    session.begin();
    this.#watch(session);
  }

  async close(): Promise<void> {
    this.#closing.abort(new PipelineStateError('The listener is closed.'));
    clearTimeout(this.#heartbeat);
    const session = this.#session;
    this.#session = null;
    await session?.close();
    await this.#reconnecting;
  }

  async #connect(signal: AbortSignal): Promise<ListeningSession> {
    const { channels, connection, onEvent, onNotification, settings } = this.#parts;
    const session: ListeningSession = await ListeningSession.open({
      connection,
      channels,
      settings,
      signal,
      onEvent,
      onNotification,
      // Before `open` has resolved there is nothing that could be lost to anybody: `isLost` tells.
      onLost: (error) => {
        if (this.#session !== null) this.#lost(this.#session, error);
      },
    });
    return session;
  }

  #lost(session: ListeningSession, error: unknown): void {
    if (this.#session !== session || this.#closing.signal.aborted) return;
    this.#session = null;
    clearTimeout(this.#heartbeat);
    this.#warn(error, 'was lost');
    this.#reconnecting = this.#reconnect(session.aliveAtMs);
    this.#parts.onLost();
  }

  async #reconnect(sinceMs: number): Promise<void> {
    const { onBack, onFailed, settings } = this.#parts;
    const { signal } = this.#closing;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        // oxlint-disable-next-line no-await-in-loop
        await sleep(
          SYSTEM_TIME,
          reconnectDelayMs(settings.reconnect, attempt, Math.random()),
          signal,
        );
        const session = await this.#connect(signal);
        this.#session = session;
        if (session.isLost) {
          this.#session = null;
          continue;
        }
        this.#watch(session);
        onBack(sinceMs);
        session.begin();
        return;
      } catch (error) {
        if (signal.aborted) return;
        // A server that has just come back may be too slow for the trial, or still be a standby.
        const isPassing = CdcError.is(error)
          ? error.retryable || error instanceof SourceSetupError
          : true;
        if (!isPassing) {
          onFailed(error);
          return;
        }
        this.#warn(error, 'could not be made again');
      }
    }
  }

  /** Any answer will do; this one also tells how full the queue is. */
  #watch(session: ListeningSession): void {
    this.#heartbeat = setTimeout(() => {
      session
        .query('SELECT pg_catalog.pg_notification_queue_usage()::text AS usage')
        .then(([row]) => {
          this.#queue.saw(Number(row?.['usage'] ?? 0));
          if (this.#session === session) this.#watch(session);
        })
        // The session reports its loss itself.
        .catch(() => undefined);
    }, this.#parts.settings.heartbeatMs);
  }

  #warn(error: unknown, what: string): void {
    const said = error === null ? '' : `: ${describePostgresError(error).replace(/\.$/, '')}`;
    this.#parts.onEvent({
      type: 'source-warned',
      code: 'LISTENER_LOST',
      message: `The listening connection ${what}${said}. What is sent until it is back is not heard.`,
    });
  }
}
