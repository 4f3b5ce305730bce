import type { SourceEvent } from '@certyo-cdc/core';
import { abortable } from '@certyo-cdc/core/internal';
import type { ListeningSession } from './listening-session.ts';

/** Waits as long as the session's lock_timeout lets it: in the queue, unlike a mere trial, it gets its turn among writers. */
const LOCK_SQL = 'SELECT pg_catalog.pg_advisory_lock($1::int4, $2::int4)';

const UNLOCK_SQL = 'SELECT pg_catalog.pg_advisory_unlock($1::int4, $2::int4)';

/**
 * A half-open connection of a predecessor keeps its locks until the server's TCP gives up, which takes hours. Ending the
 * connections of one's own role needs no grant.
 */
const END_HOLDER_SQL = `SELECT l.pid::text AS pid, pg_catalog.pg_terminate_backend(l.pid)::text AS is_ended
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
JOIN pg_catalog.pg_database AS d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted AND l.mode = 'ExclusiveLock'
  AND l.classid = ($1::int4)::oid AND l.objid = ($2::int4)::oid
  AND d.datname = pg_catalog.current_database()
  AND a.usename = CURRENT_USER AND l.pid <> pg_catalog.pg_backend_pid()`;

/** An advisory lock of two int4 keys (PostgreSQL documentation, 13.3.5). */
export interface BellLockKey {
  readonly classId: number;
  /** For example the oid of a table. */
  readonly objectId: number;
}

/**
 * The lock that a sleeping reader holds on its listening connection. Writers try the same lock shared: they get it while
 * the reader is awake and need not ring then. When the connection is lost, so is the lock.
 */
export class BellLock {
  readonly #parameters: readonly string[];
  readonly #onEvent: (event: SourceEvent) => void;
  #heldOn: ListeningSession | null = null;
  /** Statements about the lock go one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(key: BellLockKey, onEvent: (event: SourceEvent) => void) {
    // An oid above 2^31 is a negative int4.
    this.#parameters = [key.classId, key.objectId].map((each) => String(each | 0));
    this.#onEvent = onEvent;
  }

  /** @returns False when the lock was not granted in time, or the connection is lost. */
  take(session: ListeningSession, signal: AbortSignal): Promise<boolean> {
    return this.#inTurn(signal, async () => {
      if (this.#heldOn === session && !session.isLost) return true;
      const isHeld = await this.#take(session);
      this.#heldOn = isHeld ? session : null;
      return isHeld;
    });
  }

  release(signal: AbortSignal): Promise<void> {
    return this.#inTurn(signal, async () => {
      const session = this.#heldOn;
      this.#heldOn = null;
      if (session === null || session.isLost) return;
      // What goes wrong here costs the connection, and the lock with it.
      await session.query(UNLOCK_SQL, this.#parameters).catch(() => undefined);
    });
  }

  async #take(session: ListeningSession): Promise<boolean> {
    if (await this.#lock(session)) return true;
    const ended = await session.query(END_HOLDER_SQL, this.#parameters).catch(() => []);
    for (const { pid } of ended) {
      this.#onEvent({
        type: 'source-warned',
        code: 'DOORBELL_HOLDER_ENDED',
        message: `Another connection (pid ${String(pid)}) held the doorbell's lock for a reader that is gone; it was ended.`,
      });
    }
    return ended.length > 0 && (await this.#lock(session));
  }

  async #lock(session: ListeningSession): Promise<boolean> {
    try {
      await session.query(LOCK_SQL, this.#parameters);
      return !session.isLost;
    } catch {
      // The time for a lock is over, or the session is lost, which it has reported itself.
      return false;
    }
  }

  async #inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return abortable(mine, signal);
  }
}
