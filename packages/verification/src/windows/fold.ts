import {
  canonicalJson,
  type CheckpointSpan,
  type EventCounts,
  type JsonValue,
  type TextRange,
} from '@certyo-cdc/core';

import type { CompletenessWindow } from './window.ts';

/** What of a span is kept until its window is closed. */
export type StagedSpan = Omit<CheckpointSpan, 'pipeline'>;

/** Where a chain of windows stands. */
export interface ChainEnd {
  /** Of the last window; 0 before the first. */
  readonly number: number;
  readonly hash: string | null;
  /** Of the checkpoint with which the last window ended. */
  readonly revision: string | null;
  readonly position: string | null;
  /** ISO 8601. */
  readonly openedAt: string;
}

/** The spans from one checkpoint to another, in order; null where they do not lead there. */
export function spansTo(
  spans: readonly StagedSpan[],
  from: string | null,
  to: string | null,
): readonly StagedSpan[] | null {
  const byRevision = new Map(spans.map((span) => [span.revision, span]));
  const path: StagedSpan[] = [];
  let revision = to;
  while (revision !== from) {
    const span = revision === null ? undefined : byRevision.get(revision);
    if (span === undefined || path.length > spans.length) return null;
    path.push(span);
    revision = span.replaces;
  }
  return path.reverse();
}

/** Whether spans lead from where a chain ends to a checkpoint, also by the positions that they name. */
export function leadsTo(
  spans: readonly StagedSpan[],
  end: Pick<ChainEnd, 'revision' | 'position'>,
  checkpoint: Pick<ChainEnd, 'revision' | 'position'>,
): boolean {
  const path = spansTo(spans, end.revision, checkpoint.revision);
  if (path === null) return false;
  const [first] = path;
  const last = path.at(-1);
  return (
    (first === undefined || first.from === end.position) &&
    (last === undefined ? end.position : last.to) === checkpoint.position
  );
}

/** The spans behind a checkpoint of which it is certain that theirs was saved: another one replaces it. */
export function certainSpans(
  spans: readonly StagedSpan[],
  from: string | null,
): readonly StagedSpan[] {
  const replaced = new Set(spans.map(({ replaces }) => replaces));
  const path: StagedSpan[] = [];
  let revision = from;
  for (;;) {
    const next = spans.find((span) => span.replaces === revision && replaced.has(span.revision));
    if (next === undefined || path.length > spans.length) return path;
    path.push(next);
    revision = next.revision;
  }
}

/** A window without what joins it to the one before. */
export type WindowBody = Pick<
  CompletenessWindow,
  'source' | 'from' | 'to' | 'checkpoints' | 'counts' | 'versions' | 'committed' | 'uncounted'
>;

/** Puts spans that follow each other into windows: one, or one for each identity of the source. */
export function toWindows(spans: readonly StagedSpan[]): readonly WindowBody[] {
  const windows: WindowBody[] = [];
  let lastSource = '';
  for (const span of spans) {
    const source = canonicalJson(span.source as unknown as JsonValue);
    const last = windows.at(-1);
    const body: WindowBody = {
      source: span.source,
      from: span.from,
      to: span.to,
      checkpoints: 1,
      counts: span.counts,
      versions: span.versions,
      committed: span.committed,
      uncounted: null,
    };
    if (last !== undefined && source === lastSource) windows[windows.length - 1] = join(last, body);
    else windows.push(body);
    lastSource = source;
  }
  return windows;
}

function join(one: WindowBody, next: WindowBody): WindowBody {
  return {
    ...one,
    to: next.to,
    checkpoints: one.checkpoints + next.checkpoints,
    counts: sum([...one.counts, ...next.counts]),
    versions: widest(one.versions, next.versions),
    committed: widest(one.committed, next.committed),
  };
}

function sum(all: readonly EventCounts[]): readonly EventCounts[] {
  const sums = new Map<string, EventCounts>();
  for (const counts of all) {
    const key = `${counts.table} ${counts.operation}`;
    const { captured = 0, delivered = 0, parked = 0, skipped = 0 } = sums.get(key) ?? {};
    sums.set(key, {
      table: counts.table,
      operation: counts.operation,
      captured: captured + counts.captured,
      delivered: delivered + counts.delivered,
      skipped: skipped + counts.skipped,
      parked: parked + counts.parked,
    });
  }
  return [...sums].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, counts]) => counts);
}

function widest(one: TextRange | null, other: TextRange | null): TextRange | null {
  if (one === null || other === null) return one ?? other;
  return {
    first: one.first < other.first ? one.first : other.first,
    last: one.last > other.last ? one.last : other.last,
  };
}
