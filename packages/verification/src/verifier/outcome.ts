import type { SeenSnapshot } from './anchoring-codec.ts';
import type { DueReceipt } from './due-receipt.ts';

/** The batch that an outcome names. */
export interface SeenAnchor {
  readonly batchId: string | null;
  readonly merkleRoot: string | null;
  readonly isAnchored: boolean;
  readonly anchoredMs: number | null;
}

/** What a look has found about a receipt. */
export interface Finding {
  readonly stage: 'anchored' | 'waiting' | 'failed' | 'unknown';
  readonly snapshotId: string | null;
  readonly anchor: SeenAnchor | null;
  /** When it was anchored. */
  readonly anchoredMs: number | null;
  readonly failure: string | null;
}

/** What becomes of a receipt. */
export interface Outcome {
  readonly receipt: DueReceipt;
  readonly state: 'pending' | 'anchored' | 'failed';
  /** When to look again, milliseconds from now; null where it is over. */
  readonly dueInMs: number | null;
  readonly snapshotId: string | null;
  readonly anchor: SeenAnchor | null;
  readonly anchoredMs: number | null;
  /** When it was first found failed; null when it is not. */
  readonly failedMs: number | null;
  readonly failure: string | null;
  readonly resubmitted: boolean;
  /** True when it is to be raised now as unanchored for too long. */
  readonly raises: boolean;
}

/** When to look again, and when to give up. */
export interface OutcomeRules {
  readonly backoff: { readonly initialMs: number; readonly maxMs: number };
  readonly resubmitAfterMs: number;
  readonly maxResubmits: number;
  readonly overdueAfterMs: number;
  /** From a resubmission to the next look. */
  readonly firstLookMs: number;
}

export const NOTHING_SEEN: Finding = Object.freeze({
  stage: 'unknown',
  snapshotId: null,
  anchor: null,
  anchoredMs: null,
  failure: null,
});

export function findingOf(seen: SeenSnapshot): Finding {
  const anchoredMs = seen.stage === 'anchored' ? timeOf(seen.since) : null;
  const isNamed = seen.batchId !== null || seen.merkleRoot !== null;
  return {
    stage: seen.stage,
    snapshotId: seen.snapshotId,
    anchor:
      isNamed && seen.stage !== 'failed'
        ? {
            batchId: seen.batchId,
            merkleRoot: seen.merkleRoot,
            isAnchored: seen.stage === 'anchored',
            anchoredMs,
          }
        : null,
    anchoredMs,
    failure: seen.failure,
  };
}

/** Whether a failed one is to be handed in again now: Certyo itself tries again first. */
export function isToResubmit(
  receipt: DueReceipt,
  finding: Finding,
  rules: OutcomeRules,
  nowMs: number,
): boolean {
  return (
    finding.stage === 'failed' &&
    finding.snapshotId !== null &&
    receipt.resubmits < rules.maxResubmits &&
    nowMs - (receipt.failedMs ?? nowMs) >= rules.resubmitAfterMs
  );
}

/** @param random In [0, 1). */
export function decide(
  receipt: DueReceipt,
  finding: Finding,
  rules: OutcomeRules,
  nowMs: number,
  random: number,
): Outcome {
  const { anchor, failure, snapshotId, stage } = finding;
  const base = { receipt, snapshotId, anchor, failure: null, resubmitted: false };
  if (stage === 'anchored') {
    // The API's clock may be ahead of its own time of acceptance, but not behind it.
    const anchoredMs = Math.max(finding.anchoredMs ?? nowMs, receipt.acceptedMs);
    return { ...base, state: 'anchored', dueInMs: null, anchoredMs, failedMs: null, raises: false };
  }
  const raises = !receipt.isRaised && nowMs - receipt.acceptedMs >= rules.overdueAfterMs;
  const pauseMs = backoffMs(receipt.looks, rules.backoff, random);
  const pending = { ...base, state: 'pending', anchoredMs: null, raises } as const;
  if (stage !== 'failed') return { ...pending, dueInMs: pauseMs, failedMs: null };
  const failedMs = receipt.failedMs ?? nowMs;
  const untilMs = failedMs + rules.resubmitAfterMs - nowMs;
  const failed = { ...pending, failedMs, failure };
  if (untilMs > 0) return { ...failed, dueInMs: Math.min(pauseMs, untilMs) };
  const isOver = receipt.resubmits >= rules.maxResubmits;
  return isOver ? { ...failed, state: 'failed', dueInMs: null } : { ...failed, dueInMs: pauseMs };
}

/** The outcome of a resubmission that was taken, or refused for good. */
export function resubmitted(
  outcome: Outcome,
  isTaken: boolean,
  rules: OutcomeRules,
  nowMs: number,
): Outcome {
  return {
    ...outcome,
    state: 'pending',
    resubmitted: true,
    anchor: null,
    failedMs: isTaken ? null : (outcome.failedMs ?? nowMs),
    dueInMs: isTaken ? rules.firstLookMs : rules.backoff.initialMs,
  };
}

/** Half of the delay is fixed, half is chance. */
function backoffMs(
  looks: number,
  { initialMs, maxMs }: OutcomeRules['backoff'],
  random: number,
): number {
  const delayMs = Math.min(initialMs * 2 ** Math.min(looks, 30), maxMs);
  return Math.ceil(delayMs * (0.5 + random / 2));
}

function timeOf(text: string | null): number | null {
  const ms = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}
