import {
  type CertyoItem,
  type ChangeEvent,
  createPipeline,
  type RowChange,
  type Sink,
} from '@certyo-cdc/core';
import { NOT_SENT } from '@certyo-cdc/postgres';

import type { AuditSession } from './audit-session.ts';
import type { Audited } from './audited.ts';
import { waitForReceipts } from './catch-up.ts';
import { versionBelow } from './judge.ts';
import { DENIED } from './findings.ts';
import { ledgerNow, type NewestReceipt, RECONCILED } from './newest-receipts.ts';
import type { NormalizedAuditOptions } from './options.ts';
import { recheck, type Settled } from './recheck.ts';
import { reconcileSource } from './reconcile-source.ts';
import type { AuditException } from './report-schema.ts';

/** What a reconciliation has done. */
export interface ReconcileResult {
  /** Records that were sent and have their receipts. */
  readonly sent: number;
  /** Exceptions that are none any more. */
  readonly alreadyRight: number;
  /**
   * Exceptions about which nothing can be sent: the key of the row is not known, it kept changing, Certyo failed to anchor it, or
   * the receipt says what Certyo denies.
   */
  readonly left: number;
}

/** Lies below every version of every source. */
const LOWEST = '000000-';

/** Sends what is missing, after another look at each. */
export async function reconcileWith(
  exceptions: readonly AuditException[],
  tables: readonly Audited[],
  session: AuditSession,
  options: NormalizedAuditOptions,
  { signal }: { readonly signal: AbortSignal },
): Promise<ReconcileResult> {
  const { catchUp, maxLooks, sink, time } = options;
  const byLabel = new Map(tables.map((table) => [table.shape.label, table]));
  // What only Certyo denies is right for the ledger, and a sink would send nothing.
  const wanted = exceptions.filter(({ reason, table }) => byLabel.has(table) && reason !== DENIED);
  const suspects = wanted.map(({ collection, database, key, recordId, table }) => ({
    table,
    database,
    collection,
    recordId,
    key,
    wasRead: true,
  }));
  const events: ChangeEvent[] = [];
  let alreadyRight = 0;
  await recheck(
    suspects,
    {
      tables: byLabel,
      rows: session.rows,
      ledger: session.ledger,
      wait: () => waitForReceipts(catchUp, session.rows, { signal, time }),
      maxLooks,
      since: await ledgerNow(session.ledger, { signal }),
      onSettled: async (settled) => {
        const { type } = settled.judgement;
        if (type === 'wrong' || type === 'not-comparable') {
          const event = toEvent(settled);
          if (event !== null) events.push(event);
        } else {
          alreadyRight += 1;
        }
      },
      onRound: () => {},
    },
    { signal },
  );
  const sent = events.length === 0 ? 0 : await send(events, sink, signal);
  return { sent, alreadyRight, left: exceptions.length - sent - alreadyRight };
}

/** Null where sending would not help, or nobody knows which row it is. */
function toEvent(settled: Settled): RowChange | null {
  const { audited, judgement, key, newest, row, suspect, truncate } = settled;
  if (judgement.type === 'wrong' && judgement.kind === 'not-anchored') return null;
  const { renderer } = audited.judge;
  const version = versionAbove(newest, truncate);
  if (row !== null) return renderer.event(row.texts, renderer.now, version);
  if (key === null) return null;
  const { columns, key: keyColumns } = audited.shape;
  const texts = columns.map((_, index) => {
    const at = keyColumns.findIndex((column) => column.index === index);
    return at < 0 ? NOT_SENT : (key[at] ?? '');
  });
  const event = renderer.goneEvent(texts, version);
  // Where a mapping names records, the key may only look like one.
  return renderer.recordIdOf(event) === suspect.recordId ? event : null;
}

/** Sorts right behind the newest version, also behind the emptying of the table, and before whatever a source gives later. */
function versionAbove(newest: NewestReceipt | null, truncate: NewestReceipt | null): string {
  if (newest === null) return `${LOWEST}${RECONCILED}`;
  return `${versionBelow(newest, truncate)}${RECONCILED}`;
}

async function send(
  events: readonly ChangeEvent[],
  sink: Sink<CertyoItem>,
  signal: AbortSignal,
): Promise<number> {
  // The sink stays open: it is the caller's.
  const borrowed: Sink<CertyoItem> = {
    name: sink.name,
    scope: sink.scope,
    maxBatchItems: sink.maxBatchItems,
    maxBatchBytes: sink.maxBatchBytes,
    idempotencyWindowMs: sink.idempotencyWindowMs,
    begin: (begin) => sink.begin?.(begin) ?? Promise.resolve(null),
    prepare: (event) => sink.prepare(event),
    deliver: (items, deliver) => sink.deliver(items, deliver),
    ...(sink.confirm === undefined
      ? {}
      : { confirm: (items, confirm) => sink.confirm?.(items, confirm) ?? Promise.resolve([]) }),
  };
  const pipeline = createPipeline(reconcileSource(events), borrowed, {});
  await pipeline.start({ signal });
  try {
    await pipeline.caughtUp({ signal });
    return pipeline.status().delivered;
  } finally {
    await pipeline.stop();
  }
}
