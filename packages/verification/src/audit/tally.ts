import type { Judgement } from './judge.ts';
import { AUDIT_FINDINGS, type AuditFindingKind, type AuditTableTotals } from './report-schema.ts';

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Totals that can be added to. */
export type Tally = Omit<Mutable<AuditTableTotals>, 'exceptions' | 'anchoring'> & {
  readonly exceptions: Record<AuditFindingKind, number>;
  readonly anchoring: Mutable<AuditTableTotals['anchoring']>;
};

export function newTally(): Tally {
  return {
    rows: 0,
    unchanged: 0,
    partlyShown: 0,
    byRule: 0,
    outsideSpan: 0,
    notComparable: 0,
    unsettled: 0,
    exceptions: {
      changed: 0,
      'missing-record': 0,
      'missing-row': 0,
      'out-of-order': 0,
      'not-anchored': 0,
    },
    anchoring: { pending: 0, anchored: 0, failed: 0 },
  };
}

/** Adds the totals of one part to another's. */
export function addTally(to: Tally, from: AuditTableTotals): void {
  for (const name of [
    'rows',
    'unchanged',
    'partlyShown',
    'byRule',
    'outsideSpan',
    'notComparable',
    'unsettled',
  ] as const) {
    to[name] += from[name];
  }
  for (const kind of AUDIT_FINDINGS) to.exceptions[kind] += from.exceptions[kind];
  for (const state of ['pending', 'anchored', 'failed'] as const) {
    to.anchoring[state] += from.anchoring[state];
  }
}

/** Counts what is settled; what is wrong or cannot be compared is looked at again, and counted then. False for that. */
export function countSettled(tally: Tally, judgement: Judgement): boolean {
  switch (judgement.type) {
    case 'unchanged':
      tally.unchanged += 1;
      tally.anchoring[judgement.state] += 1;
      if (judgement.isPartial) tally.partlyShown += 1;
      return true;
    case 'by-rule':
      tally.byRule += 1;
      return true;
    case 'outside-span':
      tally.outsideSpan += 1;
      return true;
    case 'gone':
      return true;
    default:
      return false;
  }
}
