import { SourceConnectionError, SourceSetupError, type SourceEvent } from '@certyo-cdc/core';
import { onAbort } from '@certyo-cdc/core/internal';
import {
  classifyPostgresError,
  connect,
  destroyClient,
  endClient,
  PostgresServerError,
  queryText,
  redactPostgresError,
  type ResolvedConnection,
  type SqlRow,
  withinDeadline,
} from '@certyo-cdc/postgres';
import { listenSql } from './channel-name.ts';
import type { ListenerSettings } from './listener-options.ts';
import { assertNotificationsArrive } from './self-test.ts';

type Client = Awaited<ReturnType<typeof connect>>;

/** One notification, as the server sent it. Anybody who can log in can send one: nothing in it can be trusted. */
export interface RawNotification {
  readonly channel: string;
  readonly payload: string;
  /** Server process that sent it. */
  readonly processId: number;
}

export interface ListeningSessionOptions {
  readonly connection: ResolvedConnection;
  readonly channels: readonly string[];
  readonly settings: ListenerSettings;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SourceEvent) => void;
  readonly onNotification: (notification: RawNotification) => void;
  /** Called once, when the connection is of no use any more; not after `close`. */
  readonly onLost: (error: unknown) => void;
}

/** What identifies a server process for certain: its pid, and when it began. */
export interface ServerProcess {
  readonly pid: string;
  readonly startedAt: string;
}

/**
 * One listening connection: dedicated, never in a transaction, so that notifications come at once (N-15) and the server's
 * queue can be cleaned up (N-05). Whatever goes wrong on it costs the connection, since what was rung meanwhile cannot be
 * known (N-10).
 */
export class ListeningSession {
  readonly #client: Client;
  readonly #options: ListeningSessionOptions;
  #isOpen = false;
  #isLost = false;
  #aliveAtMs = Date.now();
  /** What came before anybody could know that this connection listens; null from then on. */
  #early: RawNotification[] | null = [];
  #process: ServerProcess = { pid: '0', startedAt: '' };
  #versionNumber = 0;

  private constructor(client: Client, options: ListeningSessionOptions) {
    this.#client = client;
    this.#options = options;
    client.on('notification', this.#onNotification);
    client.on('error', this.#onError);
    client.once('end', this.#onEnd);
  }

  /** Connects, tries out that notifications arrive, and listens; LISTEN is committed when this resolves (N-01). */
  static async open(options: ListeningSessionOptions): Promise<ListeningSession> {
    const { connection, signal } = options;
    // Nothing is read here whose text depends on settings; a pooler in session mode may refuse the start-up options.
    const client = await connect(connection, { pinSettings: false, signal });
    const session = new ListeningSession(client, options);
    const forget = onAbort(signal, () => destroyClient(client));
    try {
      await session.#begin();
      signal.throwIfAborted();
      return session;
    } catch (error) {
      await session.#discard();
      signal.throwIfAborted();
      throw error;
    } finally {
      forget();
    }
  }

  /** The server process behind the connection. */
  get process(): ServerProcess {
    return this.#process;
  }

  /** As in `server_version_num`. */
  get versionNumber(): number {
    return this.#versionNumber;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Milliseconds since 1970: what was sent before has been heard. */
  get aliveAtMs(): number {
    return this.#aliveAtMs;
  }

  /** Hands over what has been heard so far, and from now on at once. */
  begin(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const notification of early) this.#options.onNotification(notification);
  }

  /** Runs one short statement. Every failure but a lock that was not granted in time costs the connection. */
  async query(sql: string, parameters: readonly string[] = []): Promise<readonly SqlRow[]> {
    const askedAtMs = Date.now();
    try {
      const { rows } = await withinDeadline(
        this.#client,
        this.#options.settings.answerTimeoutMs,
        () => queryText(this.#client, sql, parameters),
      );
      this.#aliveAtMs = askedAtMs;
      return rows;
    } catch (error) {
      const failure = explain(error);
      const isLockTimeout = failure instanceof PostgresServerError && failure.code === '55P03';
      if (!isLockTimeout) this.#lose(failure);
      throw failure;
    }
  }

  /** Ends the connection; idempotent. */
  async close(): Promise<void> {
    this.#isLost = true;
    await this.#discard();
  }

  async #begin(): Promise<void> {
    const { channels, settings } = this.#options;
    const [row] = await this.query(BEGIN_SQL);
    this.#versionNumber = Number(row?.['version_number'] ?? 0);
    this.#process = { pid: row?.['pid'] ?? '0', startedAt: row?.['started_at'] ?? '' };
    if (row?.['is_in_recovery'] === 'true') throw standby();
    if (settings.selfTestMs !== false) {
      await assertNotificationsArrive(this, {
        ...this.#options,
        timeoutMs: settings.selfTestMs,
        heard: (listener) => {
          this.#client.on('notification', listener);
          return () => this.#client.off('notification', listener);
        },
      });
    }
    await this.query(PATH_SQL);
    await this.query(SETTINGS_SQL, [String(LOCK_TIMEOUT_MS)]);
    this.#isOpen = true;
    for (const channel of channels) await this.query(listenSql(channel));
  }

  readonly #onNotification = (message: {
    readonly channel: string;
    readonly payload?: string | undefined;
    readonly processId: number;
  }): void => {
    const { channel, payload, processId } = message;
    // Not those of the trial, nor what another client of a pooled server process had listened to.
    if (!this.#isOpen || this.#isLost || !this.#options.channels.includes(channel)) return;
    const notification = { channel, payload: payload ?? '', processId };
    if (this.#early === null) this.#options.onNotification(notification);
    else this.#early.push(notification);
  };

  readonly #onError = (error: unknown): void => this.#lose(explain(error));

  readonly #onEnd = (): void =>
    this.#lose(
      new SourceConnectionError('SOURCE_UNREACHABLE', 'The listening connection was closed.'),
    );

  #lose(error: unknown): void {
    if (this.#isLost) return;
    this.#isLost = true;
    destroyClient(this.#client);
    if (this.#isOpen) this.#options.onLost(error);
  }

  async #discard(): Promise<void> {
    this.#isOpen = false;
    this.#client.off('notification', this.#onNotification);
    if (this.#isLost) destroyClient(this.#client);
    await endClient(this.#client);
  }
}

/** How long the doorbell's lock is waited for: writers hold it for an instant only. */
const LOCK_TIMEOUT_MS = 200;

// With every name in full: a role's or database's own path may begin with a schema that has others of the same name.
const BEGIN_SQL = `SELECT pg_catalog.current_setting('server_version_num') AS version_number,
  pg_catalog.pg_is_in_recovery()::pg_catalog.text AS is_in_recovery, a.pid::pg_catalog.text AS pid,
  a.backend_start::pg_catalog.text AS started_at
FROM pg_catalog.pg_stat_activity AS a WHERE a.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()`;

/** From here on names mean what they say. Not before the trial: a pooler may hand this server process to others. */
const PATH_SQL = `SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)`;

/** A role's or database's own settings must not end a connection that only waits. The names are those that the server knows. */
const SETTINGS_SQL = `SELECT pg_catalog.set_config(name, CASE name WHEN 'lock_timeout' THEN $1 ELSE '0' END, false)
FROM pg_catalog.pg_settings WHERE name IN ('lock_timeout', 'statement_timeout', 'idle_session_timeout', 'transaction_timeout')`;

function explain(error: unknown): unknown {
  return classifyPostgresError(error) ?? redactPostgresError(error);
}

function standby(): SourceSetupError {
  return new SourceSetupError('The server is a standby, and a standby delivers no notifications.', {
    remedy: 'Connect to the primary.',
  });
}
