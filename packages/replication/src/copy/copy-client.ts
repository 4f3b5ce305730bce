import { SourceConnectionError, type SourceEvent } from '@certyo-cdc/core';
import {
  connect,
  destroyClient,
  endClient,
  queryText,
  type ResolvedConnection,
  type RowBlock,
  type SqlExecutor,
  type SqlParameter,
  type SqlResult,
} from '@certyo-cdc/postgres';
import type { Client } from 'pg';
import { lockedError } from '../setup/locked-tables.ts';
import { copyOut, type CopyOutOptions } from './copy-out.ts';
import { NO_TIMEOUTS_SQL } from './copy-sql.ts';

/** What a connection for copies takes. */
export interface CopyClientOptions {
  readonly connection: ResolvedConnection;
  /** A connection beside, which can tell what the server does for this one. */
  readonly executor: SqlExecutor;
  readonly deadAfterMs: number | false;
  readonly onEvent: (event: SourceEvent) => void;
}

/** Time after which a wait for a lock is told. */
const WAIT_TOLD_AFTER_MS = 5_000;

const PID_SQL = 'SELECT pg_catalog.pg_backend_pid()::text AS pid';

// The text of the state is another one where track_activities is off.
const ACTIVITY_SQL = `
  SELECT coalesce(a.state LIKE 'idle%' OR a.wait_event_type = 'Client', false)::text AS owes_nothing,
         coalesce(a.wait_event_type = 'Lock', false)::text AS is_locked
    FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1::pg_catalog.int4`;

/**
 * A connection that reads rows. It may be silent for long: while it waits for a lock, and where a condition leaves out most of
 * what is read. So a silence is looked into from beside: a lock that is waited for is told, and the connection is dropped where
 * the server believes that it has answered, or that we do not take its answer.
 */
export class CopyClient {
  readonly #client: Client;
  readonly #options: CopyClientOptions;
  /** Of the server process; 0 while it is not known. */
  #pid = 0;
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  /** When bytes last came for what the server owes; null while it owes nothing. */
  #silence: { readonly lastReceivedAtMs: () => number } | null = null;
  #suspected: object | null = null;
  #told: object | null = null;
  #isLooking = false;
  #failure: Error | null = null;

  private constructor(client: Client, options: CopyClientOptions, signal: AbortSignal) {
    this.#client = client;
    this.#options = options;
    this.#signal = signal;
    const { deadAfterMs } = options;
    const everyMs = Math.min(WAIT_TOLD_AFTER_MS, deadAfterMs === false ? Infinity : deadAfterMs);
    this.#timer = setInterval(() => void this.#look(), everyMs / 2);
    client.once('end', () => clearInterval(this.#timer));
  }

  static async connect(
    options: CopyClientOptions,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<CopyClient> {
    const client = await connect(options.connection, { signal });
    const copy = new CopyClient(client, options, signal);
    try {
      // What a pooler gave at the login is no number of a process.
      const { rows } = await copy.query(`${NO_TIMEOUTS_SQL}; ${PID_SQL}`);
      copy.#pid = Number(rows[0]?.['pid'] ?? 0);
      return copy;
    } catch (error) {
      copy.destroy();
      throw error;
    }
  }

  onceEnded(listener: () => void): void {
    this.#client.once('end', listener);
  }

  /** Runs a statement, or several without parameters. An abort drops the connection. */
  async query(sql: string, parameters?: readonly SqlParameter[]): Promise<SqlResult> {
    this.#signal.throwIfAborted();
    const sentAtMs = Date.now();
    this.#silence = { lastReceivedAtMs: () => sentAtMs };
    const abort = (): void => this.destroy();
    this.#signal.addEventListener('abort', abort, { once: true });
    try {
      return await queryText(this.#client, sql, parameters);
    } catch (error) {
      this.#signal.throwIfAborted();
      throw this.#failure ?? error;
    } finally {
      this.#silence = null;
      this.#signal.removeEventListener('abort', abort);
    }
  }

  /** Copies rows out; see `copyOut`. */
  async *copy(
    sql: string,
    options: Omit<CopyOutOptions, 'onWait'>,
  ): AsyncGenerator<RowBlock, void, undefined> {
    try {
      const onWait: CopyOutOptions['onWait'] = (silence) => {
        this.#silence = silence;
      };
      yield* copyOut(this.#client, sql, { ...options, onWait });
    } catch (error) {
      this.#cancel();
      throw this.#failure ?? error;
    } finally {
      this.#silence = null;
    }
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await endClient(this.#client);
  }

  /** Drops the connection. */
  destroy(): void {
    clearInterval(this.#timer);
    this.#cancel();
    destroyClient(this.#client);
  }

  /** A server process that waits for a lock, or finds no row to send, does not notice that the connection is gone: it is told to stop. */
  #cancel(): void {
    if (this.#silence !== null) cancelBackend(this.#options.executor, this.#pid);
    this.#silence = null;
  }

  async #look(): Promise<void> {
    const silence = this.#silence;
    if (silence === null || this.#isLooking) return;
    const { deadAfterMs, executor } = this.#options;
    const silentMs = Date.now() - silence.lastReceivedAtMs();
    const isLong = deadAfterMs !== false && silentMs >= deadAfterMs;
    if (!isLong && silentMs < WAIT_TOLD_AFTER_MS) return;
    this.#isLooking = true;
    try {
      const { rows } = await executor.query(ACTIVITY_SQL, [this.#pid], { signal: this.#signal });
      const [activity] = rows;
      if (activity?.['is_locked'] === 'true') return await this.#tellLock(silence);
      if (activity !== undefined && activity['owes_nothing'] !== 'true') return;
    } catch {
      // Where nobody can tell, silence is what there is to judge by.
    } finally {
      this.#isLooking = false;
    }
    if (!isLong || this.#silence !== silence) return;
    // The answer may be under way: it is given until the next look.
    if (this.#suspected === silence) this.#drop();
    this.#suspected = silence;
  }

  #drop(): void {
    this.#failure = new SourceConnectionError(
      'SOURCE_UNREACHABLE',
      'The connection for copies has been silent for too long.',
    );
    this.destroy();
  }

  async #tellLock(silence: object): Promise<void> {
    if (this.#told === silence) return;
    this.#told = silence;
    const { executor, onEvent } = this.#options;
    const options = { signal: this.#signal };
    const named = await lockedError(executor, null, options).catch(() => null);
    if (this.#silence !== silence) return;
    const reason = `The copy of rows waits. ${named?.message ?? 'A table is locked.'}`;
    onEvent({ type: 'source-waiting', reason });
  }
}

/** Tells a server process to give up its statement, without waiting for it. */
export function cancelBackend(executor: SqlExecutor, pid: number): void {
  executor
    .query('SELECT pg_catalog.pg_cancel_backend($1::pg_catalog.int4)', [pid], {
      signal: new AbortController().signal,
    })
    .catch(() => undefined);
}
