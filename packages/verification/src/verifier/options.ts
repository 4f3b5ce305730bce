import { type CertyoClient, ConfigurationError, type PipelineTime } from '@certyo-cdc/core';
import { MAX_TIMER_MS, OptionReader, SYSTEM_TIME, wrongOption } from '@certyo-cdc/core/internal';

import { ledgerOf } from '../receipts/ledger-registry.ts';
import type { NormalizedReceiptStoreOptions } from '../receipts/options.ts';
import type { PostgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import { type AnchoringCodec, defaultAnchoringCodec } from './anchoring-codec.ts';
import type { VerifierEvent } from './events.ts';
import type { VerifierFollower } from './follower.ts';
import type { OutcomeRules } from './outcome.ts';

/** Options of `createVerifier`. */
export interface VerifierOptions {
  /** The client to ask with. Share it with the sink, or make another one for the same key. It is not closed with the verifier. */
  readonly client: CertyoClient;
  /** What `postgresReceiptStore()` returned. The verifier opens a connection of its own to the same place. */
  readonly receipts: PostgresReceiptStore;
  /** Called in the transaction that records what was found. */
  readonly followers?: readonly VerifierFollower[] | undefined;
  /**
   * How long due receipts gather before a round begins, milliseconds, unless a thousand are due: a request answers for a thousand as
   * well as for one.
   *
   * @default 60_000
   */
  readonly gatherMs?: number | undefined;
  /**
   * Time between two looks at what is due, milliseconds.
   *
   * @default 15_000
   */
  readonly intervalMs?: number | undefined;
  /** From a look that found a receipt still on its way to the next, with jitter; doubles from look to look. */
  readonly backoff?:
    | {
        /** Milliseconds. @default 30_000 */
        readonly initialMs?: number | undefined;
        /** Milliseconds. @default 900_000 */
        readonly maxMs?: number | undefined;
      }
    | undefined;
  /**
   * How long Certyo itself is left to try again what it failed to anchor, before it is handed in again, milliseconds.
   *
   * @default 600_000
   */
  readonly resubmitAfterMs?: number | undefined;
  /**
   * How often a receipt is handed in again before it counts as failed.
   *
   * @default 3
   */
  readonly maxResubmits?: number | undefined;
  /**
   * From a resubmission to the next look, milliseconds.
   *
   * @default the store's `firstLookMs`
   */
  readonly firstLookMs?: number | undefined;
  /**
   * Age from which an unanchored receipt is raised, milliseconds.
   *
   * @default 3_600_000
   */
  readonly overdueAfterMs?: number | undefined;
  /**
   * Most requests in a second; `false` for any number. Besides, the verifier waits when a sink of the same key has to.
   *
   * @default 10
   */
  readonly maxRequestsPerSecond?: number | false | undefined;
  /**
   * Receipts that are claimed and looked at together.
   *
   * @default 5_000
   */
  readonly maxClaimed?: number | undefined;
  /**
   * Receipts of a claim that are asked about one by one, because no listing showed them.
   *
   * @default 50
   */
  readonly maxSingles?: number | undefined;
  /**
   * Time after which the receipts of a verifier that died are looked at by another, milliseconds.
   *
   * @default 60_000
   */
  readonly claimMs?: number | undefined;
  /** What the API has not published about anchoring, in whole or in part. @default defaultAnchoringCodec */
  readonly codec?: Partial<AnchoringCodec> | undefined;
  /** Observes the verifier. What it throws is ignored. */
  readonly onEvent?: ((event: VerifierEvent) => void) | undefined;
  /** Clock and timers. @default those of the process */
  readonly time?: PipelineTime | undefined;
  /** Source of jitter, in [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined;
}

/** Options with defaults. */
export interface NormalizedVerifierOptions {
  readonly client: CertyoClient;
  readonly receipts: PostgresReceiptStore;
  readonly ledger: NormalizedReceiptStoreOptions;
  readonly followers: readonly VerifierFollower[];
  readonly gatherMs: number;
  readonly intervalMs: number;
  readonly rules: OutcomeRules;
  readonly maxRequestsPerSecond: number | false;
  readonly maxClaimed: number;
  readonly maxSingles: number;
  readonly claimMs: number;
  readonly codec: AnchoringCodec;
  readonly onEvent: ((event: VerifierEvent) => void) | null;
  readonly time: PipelineTime;
  readonly random: () => number;
}

const NAMES = [
  'client',
  'receipts',
  'followers',
  'gatherMs',
  'intervalMs',
  'backoff',
  'resubmitAfterMs',
  'maxResubmits',
  'firstLookMs',
  'overdueAfterMs',
  'maxRequestsPerSecond',
  'maxClaimed',
  'maxSingles',
  'claimMs',
  'codec',
  'onEvent',
  'time',
  'random',
] as const satisfies readonly (keyof VerifierOptions)[];

const MOST_CLAIMED = 50_000;

/** Checks the options and fills in defaults. */
export function normalizeVerifierOptions(options: VerifierOptions): NormalizedVerifierOptions {
  const reader = new OptionReader('', options, NAMES);
  const { client, followers = [], receipts } = options;
  if (typeof client?.listSnapshots !== 'function') {
    throw wrongOption('client', 'what createCertyoClient() returned', client);
  }
  const isListOfFollowers =
    Array.isArray(followers) && followers.every((each) => typeof each?.follow === 'function');
  if (!isListOfFollowers) throw wrongOption('followers', 'a list of followers', followers);
  for (const name of ['onEvent', 'random']) reader.assertFunction(name);
  reader.assertMethods('time', ['now', 'setTimeout']);
  const codec = { ...defaultAnchoringCodec, ...options.codec };
  new OptionReader('codec', options.codec, Object.keys(defaultAnchoringCodec));
  const ledger = ledgerOf(receipts);
  const ms = (name: (typeof NAMES)[number], fallback: number): number =>
    reader.positive(name, fallback, MAX_TIMER_MS);
  const { initialMs, maxMs } = reader.bounds('backoff', ['initialMs', 'maxMs'], [30_000, 900_000]);
  const maxResubmits = options.maxResubmits ?? 3;
  if (!Number.isSafeInteger(maxResubmits) || maxResubmits < 0 || maxResubmits > 1000) {
    throw wrongOption('maxResubmits', 'an integer from 0 to 1000', maxResubmits);
  }
  const maxRequestsPerSecond = options.maxRequestsPerSecond ?? 10;
  if (maxRequestsPerSecond !== false && !(maxRequestsPerSecond > 0)) {
    throw wrongOption('maxRequestsPerSecond', 'a positive number or `false`', maxRequestsPerSecond);
  }
  const claimMs = ms('claimMs', 60_000);
  if (claimMs < 1000) {
    throw new ConfigurationError('claimMs', 'Expected `claimMs` to be at least 1000.');
  }
  return {
    client,
    receipts,
    ledger,
    followers,
    gatherMs: ms('gatherMs', 60_000),
    intervalMs: ms('intervalMs', 15_000),
    rules: {
      backoff: { initialMs, maxMs },
      resubmitAfterMs: ms('resubmitAfterMs', 600_000),
      maxResubmits,
      overdueAfterMs: ms('overdueAfterMs', 3_600_000),
      firstLookMs: ms('firstLookMs', ledger.firstLookMs),
    },
    maxRequestsPerSecond,
    maxClaimed: reader.positiveInteger('maxClaimed', 5_000, MOST_CLAIMED),
    maxSingles: reader.positiveInteger('maxSingles', 50, MOST_CLAIMED),
    claimMs,
    codec,
    onEvent: options.onEvent ?? null,
    time: options.time ?? SYSTEM_TIME,
    random: options.random ?? Math.random,
  };
}
