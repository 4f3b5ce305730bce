import { SourceConnectionError } from '@certyo-cdc/core';
import { sleep, SYSTEM_TIME } from '@certyo-cdc/core/internal';

import { withEitherSignal } from '../internal/either-signal.ts';
import type { SqlSession } from '../connection/sql-executor.ts';
import { prepareToWrite } from '../setup/prepare-to-write.ts';
import type { Lease } from './lease.ts';
import { guardSql, releaseSql, renewSql } from './sql.ts';

/** A lease that was taken. */
export interface HeldLeaseOptions {
  readonly session: SqlSession;
  readonly schema: string;
  readonly name: string;
  readonly holder: string;
  readonly ttlMs: number;
  readonly token: bigint;
  /** When the statement that took it was sent: by the monotonic clock, and milliseconds since 1970. */
  readonly sentAt: number;
  readonly sentAtMs: number;
}

/** Renews a lease until it is released or lost. */
export class HeldLease implements Lease {
  readonly token: bigint;
  readonly guardSql: string;
  readonly #options: HeldLeaseOptions;
  readonly #lost = new AbortController();
  readonly #over = new AbortController();
  readonly #renewing: Promise<void>;
  #sentAt: number;
  #sentAtMs: number;
  #cancelExpiry: () => void = () => {};

  constructor(options: HeldLeaseOptions) {
    const { schema, name, holder, token } = options;
    this.#options = options;
    this.token = token;
    this.guardSql = `(${guardSql(schema, name, holder, String(token))})`;
    this.#sentAt = options.sentAt;
    this.#sentAtMs = options.sentAtMs;
    this.#watchExpiry();
    this.#renewing = this.#renewAll();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  isHeld(): boolean {
    if (this.#over.signal.aborted) return false;
    const { ttlMs } = this.#options;
    // The monotonic clock stands still while the machine sleeps; the other one may be set back.
    const elapsedMs = Math.max(performance.now() - this.#sentAt, Date.now() - this.#sentAtMs);
    return elapsedMs < ttlMs;
  }

  async release({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const wasOver = this.#over.signal.aborted;
    this.#end();
    await this.#renewing;
    if (wasOver) return;
    const { session, schema, name, holder } = this.#options;
    try {
      await session.transaction(
        async (executor) => {
          await prepareToWrite(executor, signal);
          await executor.query(releaseSql(schema), [name, holder, this.token], { signal });
        },
        { signal },
      );
    } catch {
      // It ends by itself.
      signal.throwIfAborted();
    }
  }

  /** A renewal that fails is tried again until the lease ends. */
  async #renewAll(): Promise<void> {
    const { ttlMs } = this.#options;
    const { signal } = this.#over;
    let pauseMs = ttlMs / 3;
    while (!signal.aborted) {
      try {
        await sleep(SYSTEM_TIME, pauseMs, signal);
        if (!this.isHeld()) this.#lose();
        else if (await this.#renew(signal)) pauseMs = ttlMs / 3;
        else this.#lose();
      } catch {
        pauseMs = Math.min(ttlMs / 10, 1000);
      }
    }
  }

  /** One attempt takes no longer than the time between two: a half-open connection is given up for a new one. */
  async #renew(over: AbortSignal): Promise<boolean> {
    const late = new AbortController();
    const cancel = SYSTEM_TIME.setTimeout(() => {
      late.abort(new SourceConnectionError('SOURCE_UNREACHABLE', 'A renewal was not answered.'));
    }, this.#options.ttlMs / 3);
    try {
      return await withEitherSignal(over, late.signal, (signal) => this.#attempt(signal));
    } finally {
      cancel();
    }
  }

  async #attempt(signal: AbortSignal): Promise<boolean> {
    const { session, schema, name, holder, ttlMs } = this.#options;
    const sentAt = performance.now();
    const sentAtMs = Date.now();
    const isRenewed = await session.transaction(
      async (executor) => {
        await prepareToWrite(executor, signal);
        const values = [name, holder, ttlMs, this.token];
        return (await executor.query(renewSql(schema), values, { signal })).rowCount === 1;
      },
      { signal },
    );
    if (!isRenewed || this.#over.signal.aborted) return false;
    this.#sentAt = sentAt;
    this.#sentAtMs = sentAtMs;
    this.#watchExpiry();
    return true;
  }

  /** Ends the lease when its time is over, also while a renewal hangs. */
  #watchExpiry(): void {
    this.#cancelExpiry();
    const leftMs = this.#options.ttlMs - (performance.now() - this.#sentAt);
    this.#cancelExpiry = SYSTEM_TIME.setTimeout(() => this.#lose(), leftMs);
  }

  #lose(): void {
    if (this.#over.signal.aborted) return;
    this.#end();
    this.#lost.abort(
      new SourceConnectionError(
        'SOURCE_BUSY',
        `The lease ${JSON.stringify(this.#options.name)} has ended: it was not renewed in time, or another instance has taken over.`,
      ),
    );
  }

  #end(): void {
    this.#cancelExpiry();
    this.#over.abort(new SourceConnectionError('SOURCE_BUSY', 'The lease is over.'));
  }
}
