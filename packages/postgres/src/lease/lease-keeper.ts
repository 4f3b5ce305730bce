import { CdcError, CheckpointFencedError, type SourceEvent } from '@certyo-cdc/core';

import type { SqlSession } from '../connection/sql-executor.ts';
import { acquireLease } from './acquire-lease.ts';
import type { Lease } from './lease.ts';
import { turnSql } from './sql.ts';

/** Whose lease a `LeaseKeeper` keeps, and how. */
export interface LeaseKeeperOptions {
  readonly session: SqlSession;
  readonly schema: string;
  readonly name: string;
  readonly ttlMs: number;
  readonly waitMs: number | false;
  /** What its holder does, as in "another instance has … since". */
  readonly work: string;
  readonly onEvent: (event: SourceEvent) => void;
}

/** Longest wait for the server at the end: a lease that is not given back ends by itself. */
const RELEASE_MS = 1_000;

/** Keeps the right to be the only one that reads, and takes it again when it ended while nobody else had it. */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  #lease: Lease;

  private constructor(options: LeaseKeeperOptions, lease: Lease) {
    this.#options = options;
    this.#lease = lease;
  }

  /** Waits for another holder as long as the options say. */
  static async acquire(
    options: LeaseKeeperOptions,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<LeaseKeeper> {
    return new LeaseKeeper(options, await acquireLease(options.session, { ...options, signal }));
  }

  get guardSql(): string {
    return this.#lease.guardSql;
  }

  /** Of the lease that is kept now: aborts when it has ended by itself. */
  get lost(): AbortSignal {
    return this.#lease.lost;
  }

  get isHeld(): boolean {
    return this.#lease.isHeld();
  }

  /**
   * Takes a lease that ended again, for example after the server was away for longer than it lasts.
   *
   * @throws CheckpointFencedError when another instance had it meanwhile: it has read on from a newer checkpoint than ours.
   */
  async regain(options: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#lease.isHeld()) return;
    const before = this.#lease.token;
    // Taking a turn, if only to give it back, would end the one who has succeeded us and is late for a moment.
    if ((await this.#turn(options)) > before) throw this.#succeeded();
    await this.#lease.release(options);
    const lease = await this.#again(options);
    if (lease?.token === before + 1n) {
      this.#lease = lease;
      return;
    }
    await lease?.release(options);
    throw this.#succeeded();
  }

  #succeeded(): CheckpointFencedError {
    const { name, work } = this.#options;
    return new CheckpointFencedError(
      `The lease ${JSON.stringify(name)} ended, and another instance has ${work} since.`,
      { remedy: 'Start again: it goes on behind the checkpoint of the other instance.' },
    );
  }

  async #turn(options: { readonly signal: AbortSignal }): Promise<bigint> {
    const { name, schema, session } = this.#options;
    const { rows } = await session.query<{ readonly token: string }>(
      turnSql(schema),
      [name],
      options,
    );
    return BigInt(rows[0]?.token ?? '0');
  }

  /** Ours may last by the server's clock; beyond its time the holder is another. Null when there is one. */
  async #again(options: { readonly signal: AbortSignal }): Promise<Lease | null> {
    const { session, ttlMs } = this.#options;
    try {
      return await acquireLease(session, { ...this.#options, waitMs: ttlMs, ...options });
    } catch (error) {
      if (CdcError.is(error) && error.code === 'SOURCE_BUSY') return null;
      throw error;
    }
  }

  async release(): Promise<void> {
    await this.#lease.release({ signal: AbortSignal.timeout(RELEASE_MS) }).catch(() => undefined);
  }
}
