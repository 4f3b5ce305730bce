import type { CertyoClient } from '@certyo-cdc/core';
import { ConfigurationError } from '@certyo-cdc/core';
import { MAX_TIMER_MS, OptionReader, wrongOption } from '@certyo-cdc/core/internal';

import type { VerifierState } from '../verifier/events.ts';
import {
  type ColumnTarget,
  type ColumnTargetOptions,
  normalizeColumnTarget,
  TARGET_NAMES,
} from './options.ts';
import { normalizeSources, type NormalizedSource, type WriteBackSource } from './protection.ts';

/** What a round of a row verifier has done. */
export interface RowVerifierRound {
  /** Rows whose status is not `anchored`. */
  readonly looked: number;
  /** Rows that were found anchored as they are, and got their status. */
  readonly written: number;
  /** Rows that Certyo has, but not on the chain yet. */
  readonly pending: number;
  /** Rows of which Certyo has nothing, or something else than they are now. */
  readonly different: number;
  /** Rows that changed while they were asked about, that are gone, or that somebody has locked. */
  readonly passed: number;
  readonly requests: number;
  readonly durationMs: number;
}

/** Everything that a row verifier reports to `onEvent`. Carries no values of rows, no keys and no secrets. */
export type RowVerifierEvent =
  | {
      readonly type: 'row-verifier-state-changed';
      readonly from: VerifierState;
      readonly to: VerifierState;
    }
  | ({ readonly type: 'row-verifier-round-finished' } & RowVerifierRound)
  | {
      readonly type: 'row-verifier-interrupted';
      readonly error: Error;
      readonly retryInMs: number;
    };

/** Options of `createRowVerifier`. */
export interface RowVerifierOptions extends ColumnTargetOptions {
  /** The client to ask with. It is not closed with the row verifier. */
  readonly client: CertyoClient;
  readonly tables: NonNullable<ColumnTargetOptions['tables']>;
  /** What captures the tables: it decides what keeps the statuses from being captured. */
  readonly source: WriteBackSource | readonly WriteBackSource[];
  /**
   * Time between two rounds, milliseconds.
   *
   * @default 60_000
   */
  readonly intervalMs?: number | undefined;
  /**
   * Most requests in a second, one for each row; `false` for any number.
   *
   * @default 10
   */
  readonly maxRequestsPerSecond?: number | false | undefined;
  /** Observes it. What it throws is ignored. */
  readonly onEvent?: ((event: RowVerifierEvent) => void) | undefined;
}

export interface NormalizedRowVerifierOptions extends ColumnTarget {
  readonly client: CertyoClient;
  readonly sources: readonly NormalizedSource[];
  readonly intervalMs: number;
  readonly maxRequestsPerSecond: number | false;
  readonly onEvent: ((event: RowVerifierEvent) => void) | null;
}

const OWN_NAMES = ['client', 'source', 'intervalMs', 'maxRequestsPerSecond', 'onEvent'] as const;

/** Checks the options and fills in defaults. */
export function normalizeRowVerifierOptions(
  options: RowVerifierOptions,
): NormalizedRowVerifierOptions {
  const reader = new OptionReader('', options, [...TARGET_NAMES, ...OWN_NAMES]);
  const { client, maxRequestsPerSecond = 10 } = options;
  if (typeof client?.verifyRecord !== 'function') {
    throw wrongOption('client', 'what createCertyoClient() returned', client);
  }
  reader.assertFunction('onEvent');
  if (maxRequestsPerSecond !== false && !(maxRequestsPerSecond > 0)) {
    throw wrongOption('maxRequestsPerSecond', 'a positive number or `false`', maxRequestsPerSecond);
  }
  const target = normalizeColumnTarget(options, reader);
  const sources = normalizeSources(options.source);
  if (target.tables.length === 0) {
    throw new ConfigurationError('tables', 'Expected `tables` to be a list of at least one table.');
  }
  if (sources.length === 0) {
    throw new ConfigurationError('source', 'Expected `source`: what captures the tables.');
  }
  if (sources.some(({ origin }) => origin) && options.pool !== undefined) {
    throw wrongOption(
      'pool',
      'a `connection` instead, because an origin belongs to a session',
      'pool',
    );
  }
  return {
    ...target,
    client,
    sources,
    intervalMs: reader.positive('intervalMs', 60_000, MAX_TIMER_MS),
    maxRequestsPerSecond,
    onEvent: options.onEvent ?? null,
  };
}
