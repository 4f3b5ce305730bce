import type { SlotHealth, SourceEvent } from '@certyo-cdc/core';
import {
  describePostgresError,
  type SqlExecutor,
  sqlSession,
  type SqlSession,
} from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { failoverWarnings } from './failover-look.ts';
import { startHeartbeat } from './heartbeat.ts';
import { identityWarnings } from './identity-look.ts';
import { SlotCare } from './slot-care.ts';
import type { Warning } from './slot-warnings.ts';

/** Time after which a statement beside the stream counts as lost. */
const ANSWER_TIMEOUT_MS = 15_000;

/** Everything that goes on beside an open stream for the good of its slot: looks, warnings, heartbeats. */
export class Caretaker {
  readonly #settings: ReplicationSettings;
  readonly #query: TextQuery;
  readonly #onEvent: (event: SourceEvent) => void;
  readonly #slotCare: SlotCare | null;
  readonly #closing = new AbortController();
  #state: SqlSession | null = null;
  #stopHeartbeat: () => void = () => undefined;

  constructor(
    settings: ReplicationSettings,
    parts: {
      /** Runs statements in the captured database. */
      readonly query: TextQuery;
      readonly executor: SqlExecutor;
      readonly onEvent: (event: SourceEvent) => void;
      readonly signal: AbortSignal;
    },
  ) {
    const { care, failover, slot } = settings;
    const { executor, onEvent, query } = parts;
    const signal = AbortSignal.any([parts.signal, this.#closing.signal]);
    const looks: (() => Promise<readonly Warning[]>)[] = [
      () => identityWarnings(executor, settings, signal),
    ];
    if (failover !== false) {
      looks.push(() => failoverWarnings(query, slot, failover.standbys, signal));
    }
    this.#settings = settings;
    this.#query = parts.query;
    this.#onEvent = parts.onEvent;
    this.#slotCare = care === false ? null : new SlotCare({ ...care, slot, query, onEvent, looks });
  }

  get health(): SlotHealth | null {
    return this.#slotCare?.health ?? null;
  }

  /** @param oldestMs When the oldest change that is not acknowledged was committed, milliseconds since 1970, or null. */
  start(oldestMs: () => number | null): void {
    this.#slotCare?.start(oldestMs);
    const { heartbeat, slot, stateSchema } = this.#settings;
    if (heartbeat === false) return;
    this.#stopHeartbeat = startHeartbeat({
      everyMs: heartbeat.everyMs,
      captured: this.#query,
      state: this.#stateRows,
      stateSchema,
      slot,
      onFailed: (error) =>
        this.#onEvent({
          type: 'source-warned',
          code: 'HEARTBEAT_FAILED',
          message: `The heartbeat of the slot "${slot}" could not be written (${describePostgresError(error)}). Run source.setup() with the option heartbeat, or GRANT INSERT, SELECT, UPDATE on the table heartbeats.`,
        }),
    });
  }

  async close(): Promise<void> {
    this.#slotCare?.close();
    this.#stopHeartbeat();
    this.#closing.abort();
    await this.#state?.close();
  }

  readonly #stateRows: TextQuery = async (sql, params = []) => {
    this.#state ??= sqlSession(this.#settings.stateConnection, {
      answerTimeoutMs: ANSWER_TIMEOUT_MS,
    });
    return (await this.#state.query(sql, params, { signal: this.#closing.signal })).rows;
  };
}
