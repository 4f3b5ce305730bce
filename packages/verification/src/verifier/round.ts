import type { LedgerAccess } from '../receipts/ledger-access.ts';
import type { Claim, Claims } from './claims.ts';
import type { DueReceipt } from './due-receipt.ts';
import type { Counts, RoundResult, VerifierEvent } from './events.ts';
import type { FinishedReceipt } from './follower.ts';
import type { Latencies } from './latencies.ts';
import type { Looker } from './looker.ts';
import type { NormalizedVerifierOptions } from './options.ts';
import { decide, type Finding, isToResubmit, type Outcome, resubmitted } from './outcome.ts';
import { recordOutcomes } from './recorder.ts';
import { LookInterrupted, type Requests } from './requests.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** What a round works with. */
export interface RoundParts {
  readonly options: NormalizedVerifierOptions;
  readonly access: LedgerAccess;
  readonly claims: Claims;
  readonly looker: Looker;
  readonly requests: Requests;
  readonly latencies: Latencies;
  readonly emit: (event: VerifierEvent) => void;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Most receipts that `stillDue` counts. */
export const MOST_COUNTED = 10_000;
/** Longest wait for giving a claim back. */
const RELEASE_MS = 1_000;
/** A claim is renewed when this part of its time is over. */
const RENEW_AT = 1 / 3;

/**
 * Looks at everything that is due when it begins, claim by claim. What was found of a claim is stored before the next one is taken.
 *
 * @throws LookInterrupted when the API cannot be asked; what was found until then is stored.
 */
export async function runRound(parts: RoundParts, options: CallOptions): Promise<RoundResult> {
  const { claims, emit, options: settings, requests } = parts;
  const { time } = settings;
  const startedAtMs = time.now();
  const firstRequest = requests.count;
  const total: Mutable<RoundResult> = {
    looked: 0,
    anchored: 0,
    failed: 0,
    resubmitted: 0,
    overdue: 0,
    requests: 0,
    durationMs: 0,
  };
  const dueUs = await claims.now(options);
  for (;;) {
    options.signal.throwIfAborted();
    const before = requests.count;
    const claim = await claims.take(settings.maxClaimed, dueUs, options);
    if (claim === null) break;
    const { changed, interruption } = await workAndRecord(claim, parts, options);
    const part = { ...count(changed), requests: requests.count - before };
    for (const name of ['looked', 'anchored', 'failed', 'resubmitted', 'overdue'] as const) {
      total[name] += part[name];
    }
    tell(changed, emit);
    const { due } = await claims.backlog(MOST_COUNTED, options);
    emit({ type: 'receipts-looked-at', ...part, stillDue: due });
    if (interruption !== null) throw interruption;
  }
  total.requests = requests.count - firstRequest;
  total.durationMs = time.now() - startedAtMs;
  emit({ type: 'round-finished', ...total });
  return total;
}

/** What does not come to its end gives its claim back, where it still can: others need not wait for its end. */
async function workAndRecord(
  claim: Claim,
  parts: RoundParts,
  options: CallOptions,
): Promise<{
  readonly changed: readonly Outcome[];
  readonly interruption: LookInterrupted | null;
}> {
  try {
    const { interruption, outcomes } = await work(claim, parts, options);
    return { changed: await record(claim, outcomes, parts, options), interruption };
  } catch (error) {
    const within = { signal: AbortSignal.timeout(RELEASE_MS) };
    await parts.access
      .write((executor) => parts.claims.release(claim, executor, within), within)
      .catch(() => {});
    throw error;
  }
}

interface Work {
  readonly outcomes: readonly Outcome[];
  readonly interruption: LookInterrupted | null;
}

async function work(claim: Claim, parts: RoundParts, options: CallOptions): Promise<Work> {
  const { claims, looker, options: settings } = parts;
  const { claimMs, random, rules, time } = settings;
  let renewedAtMs = time.now();
  const keep = async (): Promise<void> => {
    const nowMs = time.now();
    if (nowMs - renewedAtMs < claimMs * RENEW_AT) return;
    await claims.renew(claim, options);
    renewedAtMs = nowMs;
  };
  const look = await looker.look(claim, keep, options);
  const outcomes: Outcome[] = [];
  const failed: (readonly [DueReceipt, Finding])[] = [];
  for (const [receipt, finding] of look.findings) {
    if (isToResubmit(receipt, finding, rules, time.now())) failed.push([receipt, finding]);
    else outcomes.push(decide(receipt, finding, rules, time.now(), random()));
  }
  if (look.interruption !== null) return { outcomes, interruption: look.interruption };
  for (const [receipt, finding] of failed) {
    await keep();
    try {
      outcomes.push(await resubmit(receipt, finding, parts, options));
    } catch (error) {
      if (!(error instanceof LookInterrupted)) throw error;
      return { outcomes, interruption: error };
    }
  }
  return { outcomes, interruption: null };
}

/** Asks Certyo to anchor it again: the record itself is there, and nothing is sent a second time. */
async function resubmit(
  receipt: DueReceipt,
  finding: Finding,
  { options: { random, rules, time }, requests }: RoundParts,
  options: CallOptions,
): Promise<Outcome> {
  const outcome = decide(receipt, finding, rules, time.now(), random());
  const status = await requests.tell(
    (client, within) => client.retrySnapshot(finding.snapshotId ?? '', within),
    options,
  );
  // It has not failed any more: Certyo was first.
  if (status === 409) return { ...outcome, state: 'pending', failedMs: null, failure: null };
  return resubmitted(outcome, status === null, rules, time.now());
}

async function record(
  claim: Claim,
  outcomes: readonly Outcome[],
  { access, claims, latencies, options: { followers } }: RoundParts,
  options: CallOptions,
): Promise<readonly Outcome[]> {
  const changed = await access.write(async (executor) => {
    const written = await recordOutcomes(executor, access.schema, outcomes, options);
    const finished = written.flatMap((outcome) => toFinished(outcome) ?? []);
    if (finished.length > 0) {
      for (const follower of followers) await follower.follow(finished, { executor, ...options });
    }
    await claims.release(claim, executor, options);
    return written;
  }, options);
  for (const { anchoredMs, receipt, state } of changed) {
    if (state === 'anchored' && anchoredMs !== null) {
      latencies.add(anchoredMs - receipt.acceptedMs);
    }
  }
  return changed;
}

function toFinished({ anchoredMs, receipt, snapshotId, state }: Outcome): FinishedReceipt | null {
  if (state === 'pending') return null;
  const { acceptedMs, collection, database, recordHash, recordId, recordKey, recordVersion } =
    receipt;
  return {
    database,
    collection,
    recordId,
    recordVersion,
    recordKey,
    recordHash,
    acceptedMs,
    anchoredMs,
    snapshotId: snapshotId ?? receipt.snapshotId,
    state,
  };
}

function count(outcomes: readonly Outcome[]): Omit<RoundResult, 'requests' | 'durationMs'> {
  const sum = (is: (outcome: Outcome) => boolean): number => outcomes.filter(is).length;
  return {
    looked: outcomes.length,
    anchored: sum(({ state }) => state === 'anchored'),
    failed: sum(({ state }) => state === 'failed'),
    resubmitted: sum((outcome) => outcome.resubmitted),
    overdue: sum(({ raises }) => raises),
  };
}

function tell(outcomes: readonly Outcome[], emit: (event: VerifierEvent) => void): void {
  const failed = outcomes.filter(({ state }) => state === 'failed');
  if (failed.length > 0) {
    emit({ type: 'receipts-failed', receipts: failed.length, collections: byCollection(failed) });
  }
  const overdue = outcomes.filter(({ raises }) => raises);
  if (overdue.length === 0) return;
  const oldestMs = overdue.reduce(
    (oldest, { receipt }) => Math.min(oldest, receipt.acceptedMs),
    Infinity,
  );
  emit({
    type: 'receipts-overdue',
    receipts: overdue.length,
    collections: byCollection(overdue),
    oldestAcceptedAt: new Date(oldestMs).toISOString(),
  });
}

function byCollection(outcomes: readonly Outcome[]): Counts {
  const counts = new Map<string, number>();
  for (const { receipt } of outcomes) {
    counts.set(receipt.collection, (counts.get(receipt.collection) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
}
