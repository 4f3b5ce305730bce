import { resolveTables, roleOf, type RunSetupOptions, runSetup } from '@certyo-cdc/postgres';

import { LedgerAccess } from '../receipts/ledger-access.ts';
import { Service } from '../service/service.ts';
import type { VerifierState } from '../verifier/events.ts';
import type { VerifierFollower } from '../verifier/follower.ts';
import type { WriteBackEvent, WriteBackRound } from './events.ts';
import {
  type NormalizedWriteBackOptions,
  normalizeWriteBackOptions,
  type WriteBackOptions,
} from './options.ts';
import { chooseProtections, type ProtectionPlan } from './protection.ts';
import { WriteBackQueue } from './queue.ts';
import { backlogSql } from './queue-sql.ts';
import { WriteBackRounds } from './round.ts';
import {
  ledgerPart,
  ledgerTeardown,
  setUpColumns,
  sidePart,
  sideTeardown,
  tearDownColumns,
  usesOrigin,
  withSetupSession,
  writeBackGrants,
} from './setup.ts';
import { TargetAccess } from './target-access.ts';
import { ColumnWriters } from './write-columns.ts';

/** A snapshot of a write-back. Counters start at zero when it is made. */
export interface WriteBackStatus extends Omit<WriteBackRound, 'durationMs'> {
  readonly state: VerifierState;
  /** The error that stopped it, else null. */
  readonly error: Error | null;
  /** What kept the last round from its end; null when nothing did. */
  readonly interruption: Error | null;
  readonly rounds: number;
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes what became of records back into the database. Any number of workers may share one queue; what one has in hand the others
 * leave alone.
 */
export interface WriteBack extends AsyncDisposable {
  /** Give it to `createVerifier({ followers })`: it queues what was anchored, in the verifier's transaction. */
  readonly follower: VerifierFollower;
  /** Makes the queue, and what it writes into; gives the SQL back. Running it again changes nothing. Needs the owner of the tables. */
  setup(options: RunSetupOptions): Promise<readonly string[]>;
  /** Removes what `setup()` has made, columns that were there before excepted. */
  teardown(options: RunSetupOptions): Promise<readonly string[]>;
  /** What a role needs besides CONNECT; for a verifier that fills the queue see `writeBackFollowerGrantSql`. */
  grantSql(role: string): readonly string[];
  /**
   * What keeps it from being captured as changes, for each table and source.
   *
   * @throws {WriteBackError} Nothing would.
   */
  plan(options: { readonly signal: AbortSignal }): Promise<readonly ProtectionPlan[]>;
  /** Queues the newest finished receipts of all records that were accepted since: for tables that were not written to so far. */
  redrive(options: { readonly since: Date; readonly signal: AbortSignal }): Promise<number>;
  /** How much is queued, and how much of it is due. */
  backlog(options: {
    readonly signal: AbortSignal;
  }): Promise<{ readonly queued: number; readonly due: number }>;
  /** Writes everything that is due. */
  runOnce(options?: CallOptions): Promise<WriteBackRound>;
  start(options?: CallOptions): Promise<void>;
  /** Finishes the round that is under way and stops. Idempotent. */
  drain(options?: CallOptions): Promise<void>;
  /** Stops now; what was not written stays queued. Idempotent. */
  stop(): Promise<void>;
  /** Resolves when it has stopped: with null, or with the error that stopped it. Never rejects. */
  readonly closed: Promise<Error | null>;
  status(): WriteBackStatus;
}

class StandardWriteBack implements WriteBack {
  readonly follower: VerifierFollower;
  readonly #options: NormalizedWriteBackOptions;
  readonly #ledger: LedgerAccess;
  readonly #target: TargetAccess;
  readonly #queue: WriteBackQueue;
  readonly #writers: ColumnWriters;
  readonly #service: Service<WriteBackRound>;
  readonly #totals = {
    rounds: 0,
    taken: 0,
    sideTable: 0,
    written: 0,
    kept: 0,
    newer: 0,
    gone: 0,
    busy: 0,
  };

  constructor(options: NormalizedWriteBackOptions) {
    const { ledger, time } = options;
    this.#options = options;
    const grants = writeBackGrants(roleOf(options.place), options);
    this.#ledger = new LedgerAccess(ledger, 'certyo-cdc write-back (ledger)', {
      more: { setup: ledgerPart(options), grants: grants.ledger },
    });
    this.#target = new TargetAccess(options, usesOrigin(options), {
      setup: sidePart(options),
      grants: grants.target,
    });
    this.#queue = new WriteBackQueue(ledger.place.schema, options.name);
    this.follower = this.#queue.follower;
    this.#writers = new ColumnWriters(options, this.#target);
    const rounds = new WriteBackRounds({
      options,
      ledger: this.#ledger,
      target: this.#target,
      queue: this.#queue,
      writers: this.#writers,
    });
    this.#service = new Service({
      name: 'write-back',
      time,
      intervalMs: options.intervalMs,
      prepare: async (signal) => {
        await this.plan({ signal });
        await this.#writers.check({ signal });
        await this.backlog({ signal });
      },
      round: async (signal) => {
        const round = await rounds.run({ signal });
        this.#totals.rounds += 1;
        for (const name of COUNTED) this.#totals[name] += round[name];
        if (round.taken > 0) this.#emit({ type: 'write-back-round-finished', ...round });
        return round;
      },
      close: async () => {
        await Promise.all([this.#ledger.session.close(), this.#target.session.close()]);
      },
      changed: (from, to) => this.#emit({ type: 'write-back-state-changed', from, to }),
      interrupted: (error, retryInMs) =>
        this.#emit({ type: 'write-back-interrupted', error, retryInMs }),
    });
  }

  get closed(): Promise<Error | null> {
    return this.#service.closed;
  }

  async setup(options: RunSetupOptions): Promise<readonly string[]> {
    const own = this.#options;
    const { place } = own.ledger;
    return [
      ...(await withSetupSession(place, (to) => runSetup(to, ledgerPart(own), options))),
      ...(await withSetupSession(own.place, async (to) => [
        ...(await runSetup(to, sidePart(own), options)),
        ...(own.toColumns ? await setUpColumns(to, own, options) : []),
      ])),
    ];
  }

  async teardown(options: RunSetupOptions): Promise<readonly string[]> {
    const own = this.#options;
    const { place } = own.ledger;
    return [
      ...(await withSetupSession(own.place, async (to) => [
        ...(own.toColumns ? await tearDownColumns(to, own, options) : []),
        ...(await runSetup(to, sideTeardown(own), options)),
      ])),
      ...(await withSetupSession(place, (to) => runSetup(to, ledgerTeardown(own), options))),
    ];
  }

  grantSql(role: string): readonly string[] {
    const { ledger, target } = writeBackGrants(role, this.#options);
    return [...ledger, ...target];
  }

  async plan(options: { readonly signal: AbortSignal }): Promise<readonly ProtectionPlan[]> {
    const { sources, status, tables, toColumns } = this.#options;
    if (!toColumns) return [];
    return this.#target.read(
      async (executor) =>
        chooseProtections(
          executor,
          await resolveTables(executor, tables, options),
          sources,
          status,
          options,
        ),
      options,
    );
  }

  redrive(options: { readonly since: Date; readonly signal: AbortSignal }): Promise<number> {
    return this.#ledger.write(
      (executor) => this.#queue.redrive(executor, options.since, options),
      options,
    );
  }

  async backlog(options: {
    readonly signal: AbortSignal;
  }): Promise<{ readonly queued: number; readonly due: number }> {
    const { ledger, name } = this.#options;
    const [row] = await this.#ledger.rows<{ readonly queued: string; readonly due: string }>(
      backlogSql(ledger.place.schema),
      [name],
      options,
    );
    return { queued: Number(row?.queued ?? 0), due: Number(row?.due ?? 0) };
  }

  runOnce(options?: CallOptions): Promise<WriteBackRound> {
    return this.#service.runOnce(options);
  }

  start(options?: CallOptions): Promise<void> {
    return this.#service.start(options);
  }

  drain(options?: CallOptions): Promise<void> {
    return this.#service.drain(options);
  }

  stop(): Promise<void> {
    return this.#service.stop();
  }

  status(): WriteBackStatus {
    const { error, interruption, state } = this.#service;
    return { state, error, interruption, ...this.#totals };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.drain();
    } catch {
      // What failed is told by `closed` and `status()`.
    }
    await this.closed;
  }

  #emit(event: WriteBackEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch {
      // An observer cannot break it.
    }
  }
}

const COUNTED = ['taken', 'sideTable', 'written', 'kept', 'newer', 'gone', 'busy'] as const;

/**
 * Makes a write-back.
 *
 * Statuses go into the table `row_status` or into columns of the rows: in the order of keys, few rows at a time, never waiting for
 * a row that somebody has locked. A row gets its status only if it is what was anchored, compared by the fingerprint of its
 * payload while it is locked; `setup()` makes a trigger that takes the status away when the row changes. Killed at any
 * moment it loses nothing, and doing it twice changes nothing.
 *
 * @throws {ConfigurationError} An option is wrong.
 * @example
 * const writeBack = createWriteBack({ receipts, into: 'columns', tables: ['public.orders'], source: 'replication' });
 * await writeBack.setup({ signal });
 * const verifier = createVerifier({ client, receipts, followers: [writeBack.follower] });
 * await writeBack.start();
 */
export function createWriteBack(options: WriteBackOptions): WriteBack {
  return new StandardWriteBack(normalizeWriteBackOptions(options));
}
