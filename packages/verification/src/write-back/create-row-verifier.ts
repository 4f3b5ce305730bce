import { parseJson, type Verification } from '@certyo-cdc/core';
import { GatedCalls, payloadText, tableLabel } from '@certyo-cdc/core/internal';
import {
  quoteIdentifier,
  resolveTables,
  roleOf,
  runSetup,
  type RunSetupOptions,
} from '@certyo-cdc/postgres';

import { Service } from '../service/service.ts';
import type { VerifierState } from '../verifier/events.ts';
import { LookInterrupted, Requests } from '../verifier/requests.ts';
import type { ColumnWriter, StatusWrite } from './column-writer.ts';
import { LoopDetector } from './loop-detector.ts';
import { type OpenRow, openRows } from './open-rows.ts';
import {
  chooseProtections,
  CREATE_ORIGIN_SQL,
  DROP_ORIGIN_SQL,
  originGrantSql,
} from './protection.ts';
import type { ProtectionPlan } from './protection.ts';
import { fingerprintOf } from './row-payload.ts';
import {
  type NormalizedRowVerifierOptions,
  normalizeRowVerifierOptions,
  type RowVerifierEvent,
  type RowVerifierOptions,
  type RowVerifierRound,
} from './row-verifier-options.ts';
import { columnGrantSql, setUpColumns, tearDownColumns, withSetupSession } from './setup.ts';
import { TargetAccess } from './target-access.ts';
import { ColumnWriters } from './write-columns.ts';

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

interface SignalOptions {
  readonly signal: AbortSignal;
}

/** A snapshot of a row verifier. */
export interface RowVerifierStatus {
  readonly state: VerifierState;
  /** The error that stopped it, else null. */
  readonly error: Error | null;
  /** What kept the last round from its end; null when nothing did. */
  readonly interruption: Error | null;
}

/** Verifies rows by asking Certyo about each, and writes `anchored` into their columns. Needs no ledger of receipts. */
export interface RowVerifier extends AsyncDisposable {
  /** Adds the columns and the trigger; gives the SQL back. Running it again changes nothing. Needs the owner of the tables. */
  setup(options: RunSetupOptions): Promise<readonly string[]>;
  /** Removes what `setup()` has made, columns that were there before excepted. */
  teardown(options: RunSetupOptions): Promise<readonly string[]>;
  /** What a role needs besides CONNECT. */
  grantSql(role: string): readonly string[];
  /** What keeps the statuses from being captured as changes, for each table and source. */
  plan(options: SignalOptions): Promise<readonly ProtectionPlan[]>;
  /** Asks about every row that is not known to be anchored. */
  runOnce(options?: CallOptions): Promise<RowVerifierRound>;
  start(options?: CallOptions): Promise<void>;
  /** Finishes the round that is under way and stops. Idempotent. */
  drain(options?: CallOptions): Promise<void>;
  /** Stops now. Idempotent. */
  stop(): Promise<void>;
  /** Resolves when it has stopped: with null, or with the error that stopped it. Never rejects. */
  readonly closed: Promise<Error | null>;
  status(): RowVerifierStatus;
}

type Counts = { -readonly [Name in keyof Omit<RowVerifierRound, 'durationMs'>]: number };

class StandardRowVerifier implements RowVerifier {
  readonly #options: NormalizedRowVerifierOptions;
  readonly #access: TargetAccess;
  readonly #writers: ColumnWriters;
  readonly #calls: GatedCalls;
  readonly #requests: Requests;
  readonly #detector = new LoopDetector();
  readonly #service: Service<RowVerifierRound>;

  constructor(options: NormalizedRowVerifierOptions) {
    const { client, maxRequestsPerSecond, place, time } = options;
    this.#options = options;
    const grants = this.grantSql(roleOf(place));
    this.#access = new TargetAccess(options, this.#usesOrigin(), { setup: [], grants });
    this.#writers = new ColumnWriters(options, this.#access);
    this.#calls = new GatedCalls(client.scope, time);
    this.#requests = new Requests(client, this.#calls, time, maxRequestsPerSecond);
    this.#service = new Service({
      name: 'row verifier',
      time,
      intervalMs: options.intervalMs,
      prepare: async (signal) => {
        await this.plan({ signal });
        await this.#writers.check({ signal });
      },
      round: (signal) => this.#round(signal),
      close: async () => {
        this.#calls.release();
        await this.#access.session.close();
      },
      changed: (from, to) => this.#emit({ type: 'row-verifier-state-changed', from, to }),
      interrupted: (error, retryInMs) =>
        this.#emit({ type: 'row-verifier-interrupted', error, retryInMs }),
    });
  }

  get closed(): Promise<Error | null> {
    return this.#service.closed;
  }

  setup(options: RunSetupOptions): Promise<readonly string[]> {
    const origin = this.#usesOrigin() ? [CREATE_ORIGIN_SQL] : [];
    return withSetupSession(this.#options.place, async (session) => [
      ...(await setUpColumns(session, this.#options, options)),
      ...(await runSetup(session, origin, options)),
    ]);
  }

  teardown(options: RunSetupOptions): Promise<readonly string[]> {
    const origin = this.#usesOrigin() ? [DROP_ORIGIN_SQL] : [];
    return withSetupSession(this.#options.place, async (session) => [
      ...(await tearDownColumns(session, this.#options, options)),
      ...(await runSetup(session, origin, options)),
    ]);
  }

  grantSql(role: string): readonly string[] {
    const to = quoteIdentifier(role);
    const origin = this.#usesOrigin() ? [originGrantSql(to)] : [];
    return [...columnGrantSql(to, this.#options), ...origin];
  }

  plan(options: SignalOptions): Promise<readonly ProtectionPlan[]> {
    const { sources, status, tables } = this.#options;
    return this.#access.read(async (executor) => {
      const described = await resolveTables(executor, tables, options);
      return chooseProtections(executor, described, sources, status, {
        ...options,
        hasReceipts: false,
      });
    }, options);
  }

  runOnce(options?: CallOptions): Promise<RowVerifierRound> {
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

  status(): RowVerifierStatus {
    const { error, interruption, state } = this.#service;
    return { state, error, interruption };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.drain();
    } catch {
      // What failed is told by `closed` and `status()`.
    }
    await this.closed;
  }

  async #round(signal: AbortSignal): Promise<RowVerifierRound> {
    const { tables, time } = this.#options;
    const startedAtMs = time.now();
    const first = this.#requests.count;
    const counts: Counts = {
      looked: 0,
      written: 0,
      pending: 0,
      different: 0,
      passed: 0,
      requests: 0,
    };
    try {
      for (const table of tables) {
        const writer = this.#writers.of(table);
        if (writer !== null) await this.#pass(tableLabel(table), writer, counts, { signal });
      }
    } catch (error) {
      throw error instanceof LookInterrupted ? error.cause : error;
    }
    counts.requests = this.#requests.count - first;
    const round = { ...counts, durationMs: time.now() - startedAtMs };
    this.#emit({ type: 'row-verifier-round-finished', ...round });
    return round;
  }

  async #pass(
    table: string,
    writer: ColumnWriter,
    counts: Counts,
    options: SignalOptions,
  ): Promise<void> {
    const { batchSize, time } = this.#options;
    for await (const page of openRows(this.#access, writer, batchSize, options)) {
      counts.looked += page.length;
      this.#detector.saw(
        page.flatMap(({ draft, key }) =>
          draft === null
            ? []
            : [
                {
                  recordKey: JSON.stringify([table, key]),
                  fingerprint: fingerprintOf(payloadText(draft)),
                },
              ],
        ),
      );
      const writes: StatusWrite[] = [];
      for (const row of page) {
        const write = await this.#ask(row, counts, options);
        if (write !== null) writes.push(write);
      }
      if (writes.length === 0) continue;
      const outcomes = await this.#writers.write(writer, writes, options);
      const written = writes.filter((_write, index) => outcomes[index] === 'written');
      counts.written += written.length;
      counts.passed += writes.length - written.length;
      this.#detector.count(
        written.map(({ fingerprint, key }) => ({
          recordKey: JSON.stringify([table, key]),
          fingerprint,
        })),
        time.now(),
      );
    }
  }

  /** With the payload: without it the answer would say that something was anchored, not that this is it. */
  async #ask(
    { draft, key }: OpenRow,
    counts: Counts,
    options: SignalOptions,
  ): Promise<StatusWrite | null> {
    if (draft === null) {
      counts.different += 1;
      return null;
    }
    const { collection, database, recordId } = draft;
    const payload = payloadText(draft);
    const answer: Verification | null = await this.#requests.ask(
      (client, within) =>
        client.verifyRecord(
          { database, collection, recordId, payload: parseJson(payload) },
          within,
        ),
      options,
    );
    if (answer?.anchored === true) {
      return {
        key,
        recordId,
        fingerprint: fingerprintOf(payload),
        columns: null,
        status: 'anchored',
        recordHash: answer.recordHash,
      };
    }
    const isPending = answer?.verified === true || answer?.verificationStatus === 'pending';
    if (isPending) counts.pending += 1;
    else counts.different += 1;
    return null;
  }

  #usesOrigin(): boolean {
    return this.#options.sources.some(({ origin }) => origin);
  }

  #emit(event: RowVerifierEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch {
      // An observer cannot break it.
    }
  }
}

/**
 * Makes a verifier of rows, for tables with status columns and pipelines that keep no receipts.
 *
 * It goes through the rows that are not `anchored` in the order of their keys, asks Certyo about each with the row as its payload,
 * and writes `anchored` if the row is still the same when it is locked. That takes a request for each row and round: with
 * receipts, `createVerifier` and `createWriteBack` need one for about a thousand.
 *
 * @throws {ConfigurationError} An option is wrong.
 * @example
 * const rows = createRowVerifier({ client, tables: ['public.products'], source: 'listen-notify' });
 * await rows.setup({ signal });
 * await rows.start();
 */
export function createRowVerifier(options: RowVerifierOptions): RowVerifier {
  return new StandardRowVerifier(normalizeRowVerifierOptions(options));
}
