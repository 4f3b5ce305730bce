import type { SourceEvent } from '@certyo-cdc/core';
import {
  LeaseKeeper,
  type ResolvedConnection,
  sqlSession,
  type SqlSession,
} from '@certyo-cdc/postgres';
import type { TextQuery } from '../stream/text-query.ts';
import { nameWithToken, newInstanceToken, SlotInstances, tokenOf } from './slot-instances.ts';

/** Time after which a statement on the lease counts as lost: a part of the lease, but not less than a busy server takes. */
const ANSWER_PART = 1 / 3;
const SHORTEST_ANSWER_MS = 2_000;
/** How long taking our name off the list may take. */
const RELEASE_MS = 2_000;

export interface SlotHolderOptions {
  readonly slot: string;
  /** Slots are the server's: their names are unique in it. */
  readonly systemIdentifier: string;
  readonly leaseMs: number;
  readonly waitMs: number | false;
  readonly applicationName: string;
  readonly stateConnection: ResolvedConnection;
  readonly stateSchema: string;
  /** Runs statements in the captured database, as the role that replicates. */
  readonly captured: TextQuery;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SourceEvent) => void;
  /** The lease is over: nothing more may be read. */
  readonly onLost: () => void;
}

const ACTIVE_SQL = `
  SELECT a.pid::text AS pid, a.application_name::text AS name
    FROM pg_catalog.pg_replication_slots s JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid
   WHERE s.slot_name = $1`;

// Looked at again in the same statement: the number may be another process's by now.
const TERMINATE_SQL = `
  SELECT pg_catalog.pg_terminate_backend(a.pid)::text AS done
    FROM pg_catalog.pg_replication_slots s JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid
   WHERE s.slot_name = $1 AND a.pid = $2::pg_catalog.int4 AND a.application_name = $3`;

/**
 * The right to read from a slot, among the instances of this library, by a lease in the state schema.
 *
 * Whoever holds the lease may end a server process that still has the slot and is provably ours: it carries, in its
 * application_name, the token of an instance that the table `slot_instances` knows, and that instance does not hold the
 * lease. A process of anybody else is never touched.
 */
export class SlotHolder {
  readonly applicationName: string;
  readonly #options: SlotHolderOptions;
  readonly #token = newInstanceToken();
  readonly #session: SqlSession;
  readonly #instances: SlotInstances;
  #signal: AbortSignal;
  #lease: LeaseKeeper | null = null;
  #isReleased = false;

  constructor(options: SlotHolderOptions) {
    const { leaseMs, stateConnection, stateSchema, slot, systemIdentifier } = options;
    this.#options = options;
    this.#signal = options.signal;
    this.applicationName = nameWithToken(options.applicationName, this.#token);
    this.#session = sqlSession(stateConnection, {
      answerTimeoutMs: Math.max(SHORTEST_ANSWER_MS, leaseMs * ANSWER_PART),
    });
    const query: TextQuery = async (sql, params = []) =>
      (await this.#session.query(sql, params, { signal: this.#signal })).rows;
    this.#instances = new SlotInstances(query, stateSchema, `${systemIdentifier}/${slot}`);
  }

  /**
   * Makes sure that the lease is ours; waits for another instance's, as a standby does.
   *
   * @throws CheckpointFencedError when another instance has held it since: it has gone on from our checkpoint.
   */
  async hold(): Promise<void> {
    if (this.#lease?.isHeld === true) return;
    const { signal } = this.#options;
    if (this.#lease === null) this.#lease = await this.#take();
    else await this.#lease.regain({ signal });
    const lease = this.#lease;
    const { lost } = lease;
    lost.addEventListener('abort', () => {
      if (!this.#isReleased && lease.lost === lost) this.#options.onLost();
    });
    await this.#instances.add(this.#token);
  }

  /** Ends the server process that has the slot, if it is provably ours. False when it is not, or there is none. */
  async freeSlot(): Promise<boolean> {
    const { captured, onEvent, slot } = this.#options;
    const active = (await captured(ACTIVE_SQL, [slot]))[0];
    const name = active?.['name'] ?? '';
    const pid = active?.['pid'] ?? '';
    const token = tokenOf(name);
    if (token === null || !(await this.#isOurs(token))) return false;
    if (this.#lease?.isHeld !== true) return false;
    const ended = (await captured(TERMINATE_SQL, [slot, pid, name]))[0]?.['done'] === 'true';
    if (!ended) return false;
    if (token !== this.#token) await this.#instances.remove(token);
    onEvent({
      type: 'source-warned',
      code: 'SLOT_TAKEN_OVER',
      message: `The slot "${slot}" was still active for an instance that is gone (server process ${pid}), and was taken over.`,
    });
    return true;
  }

  /** Lets the next instance have it at once. */
  async release(): Promise<void> {
    this.#isReleased = true;
    // The caller's signal may be aborted by now.
    this.#signal = AbortSignal.timeout(RELEASE_MS);
    if (this.#lease?.isHeld === true) {
      await this.#instances.remove(this.#token).catch(() => undefined);
    }
    await this.#lease?.release();
    await this.#session.close();
  }

  async #isOurs(token: string): Promise<boolean> {
    // Our own, from a connection that we have given up.
    return token === this.#token || (await this.#instances.has(token));
  }

  #take(): Promise<LeaseKeeper> {
    const { leaseMs, onEvent, signal, slot, stateSchema, systemIdentifier, waitMs } = this.#options;
    return LeaseKeeper.acquire(
      {
        session: this.#session,
        schema: stateSchema,
        name: `slot ${systemIdentifier}/${slot}`,
        ttlMs: leaseMs,
        waitMs,
        work: `read from the slot "${slot}"`,
        onEvent,
      },
      { signal },
    );
  }
}
