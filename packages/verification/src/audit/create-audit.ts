import { GatedCalls } from '@certyo-cdc/core/internal';
import type { ServerInfo } from '@certyo-cdc/postgres';

import { Requests } from '../verifier/requests.ts';
import { AuditSession } from './audit-session.ts';
import type { Audited } from './audited.ts';
import { settledBy, waitForReceipts } from './catch-up.ts';
import type { AuditEvent } from './events.ts';
import { CertyoQuestions } from './explain.ts';
import { Findings } from './findings.ts';
import { ledgerNow } from './newest-receipts.ts';
import {
  type AuditOptions,
  type NormalizedAuditOptions,
  normalizeAuditOptions,
} from './options.ts';
import { AuditProgress } from './progress.ts';
import { recheck } from './recheck.ts';
import { type ReconcileResult, reconcileWith } from './reconcile.ts';
import { toReport } from './report.ts';
import { type AuditReport, auditReportSchema } from './report-schema.ts';
import { scanTable } from './scan.ts';
import { exportSnapshot, inSnapshot } from './snapshot.ts';
import { readTimeline } from './timeline.ts';
import { walkLedger } from './walk.ts';

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Compares rows with what was anchored of them. Holds no connection between two calls. */
export interface Audit {
  /**
   * Reads all rows that are audited in one snapshot, compares each with the newest receipt of its record, and looks for records that
   * should have a row. What does not look right is looked at again, until it is known whether that is because the receipt was
   * not there yet: so rows that are written meanwhile are no exceptions.
   *
   * @throws ReceiptError, SourceSetupError, SourceConnectionError; what was compared until then is kept in `state`.
   */
  run(options?: CallOptions): Promise<AuditReport>;
  /**
   * Sends what the exceptions of a report say is missing: rows as they are now, and deletes of rows that are gone. Each is looked
   * at again before. A record that is sent so stands right above the newest one, below every change that is still to come.
   *
   * Only do it when you know why: it anchors what is in the table, whoever has put it there.
   */
  reconcile(report: AuditReport, options?: CallOptions): Promise<ReconcileResult>;
}

const NEVER: AbortSignal = new AbortController().signal;

class StandardAudit implements Audit {
  readonly #options: NormalizedAuditOptions;

  constructor(options: NormalizedAuditOptions) {
    this.#options = options;
  }

  async run({ signal = NEVER }: CallOptions = {}): Promise<AuditReport> {
    signal.throwIfAborted();
    const { catchUp, client, time } = this.#options;
    const startedMs = time.now();
    await using session = new AuditSession(this.#options);
    const server = await session.server({ signal });
    const progress = await AuditProgress.load(this.#options, server.systemIdentifier);
    const since = await ledgerNow(session.ledger, { signal });
    const calls = client === null ? null : new GatedCalls(client.scope, time);
    try {
      const questions =
        client === null || calls === null
          ? null
          : new CertyoQuestions(
              new Requests(client, calls, time, this.#options.maxRequestsPerSecond),
            );
      const tables = await this.#scan(session, server, progress, questions, { signal });
      const findings = new Findings(this.#options, session.ledger, questions);
      await this.#walk(session, tables, progress, { signal });
      await progress.save();
      const unsettled = await recheck(
        progress.suspects,
        {
          tables: new Map(tables.map((table) => [table.shape.label, table])),
          rows: session.rows,
          ledger: session.ledger,
          wait: () => waitForReceipts(catchUp, session.rows, { signal, time }),
          maxLooks: this.#options.maxLooks,
          since,
          onSettled: (settled) => findings.add(settled, { signal }),
          onRound: (left) => {
            const all = progress.suspects.length;
            this.#progress('suspects', null, all - left, all, left);
          },
        },
        { signal },
      );
      for (const { table } of unsettled) {
        const found = tables.find(({ shape }) => shape.label === table);
        if (found !== undefined) found.tally.unsettled += 1;
      }
      const versions = tables.flatMap((table) => [...table.versions]);
      const report = toReport({
        options: this.#options,
        startedAt: progress.startedAt,
        finishedAt: new Date(time.now()).toISOString(),
        server,
        snapshots: progress.snapshots,
        tables,
        timeline: await readTimeline(session.wholeLedger, versions, { signal }),
        findings,
        questions,
      });
      await progress.finish();
      this.#emit({
        type: 'audit-finished',
        rows: report.totals.rows,
        exceptions: report.totals.exceptions,
        notComparable: report.totals.notComparable,
        unsettled: report.totals.unsettled,
        durationMs: time.now() - startedMs,
      });
      return report;
    } finally {
      calls?.release();
    }
  }

  async reconcile(
    report: AuditReport,
    { signal = NEVER }: CallOptions = {},
  ): Promise<ReconcileResult> {
    signal.throwIfAborted();
    const { exceptions } = auditReportSchema.parse(report);
    await using session = new AuditSession(this.#options);
    const server = await session.server({ signal });
    const shapes = await session.describe(session.rows, server.database, { signal });
    const tables = await session.prepare(shapes, server, { signal });
    return await reconcileWith(exceptions, tables, session, this.#options, { signal });
  }

  async #scan(
    session: AuditSession,
    server: ServerInfo,
    progress: AuditProgress,
    questions: CertyoQuestions | null,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<readonly Audited[]> {
    const { catchUp, chunkRows, time, verify } = this.#options;
    // What is wrong with a table is said before anything is locked.
    const locks = await session.describe(session.rows, server.database, { signal });
    return inSnapshot(
      session.coordinator,
      { snapshot: null, locks: locks.map(({ from }) => from) },
      async (executor) => {
        const { id, takenAt } = await exportSnapshot(executor, { signal });
        progress.snapshots.push(takenAt);
        this.#emit({ type: 'audit-snapshot', takenAt, settledBy: settledBy(catchUp) });
        const shapes = await session.describe(executor, server.database, { signal });
        // Then few rows differ only because their receipts are still to come.
        await waitForReceipts(catchUp, session.rows, { signal, time });
        const tables = await session.prepare(shapes, server, { signal });
        for (const audited of tables) {
          const place = progress.begin(audited);
          if (place === null) continue;
          await scanTable(audited, executor, session.workers, {
            signal,
            snapshot: id,
            after: place.after,
            chunkRows,
            questions: verify === 'all' ? questions : null,
            onPart: async (upTo, suspects) => {
              progress.suspect(suspects);
              const { label } = audited.shape;
              const of = audited.shape.estimate;
              const { length } = progress.suspects;
              this.#progress('rows', label, audited.tally.rows, of, length);
              await progress.passed(audited, upTo);
            },
          });
        }
        return tables;
      },
      { signal },
    );
  }

  async #walk(
    session: AuditSession,
    tables: readonly Audited[],
    progress: AuditProgress,
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    let done = 0;
    await walkLedger(
      tables,
      session.workers.map(({ ledger }) => ledger),
      async (records, suspects) => {
        done += records;
        progress.suspect(suspects);
        this.#progress('receipts', null, done, null, progress.suspects.length);
      },
      options,
    );
  }

  #progress(
    phase: 'rows' | 'receipts' | 'suspects',
    table: string | null,
    done: number,
    of: number | null,
    suspects: number,
  ): void {
    this.#emit({ type: 'audit-progress', phase, table, done, of, suspects });
  }

  #emit(event: AuditEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch {
      // An observer must not stop an audit.
    }
  }
}

/**
 * Makes an audit of tables.
 *
 * @example
 * const audit = createAudit({ tables: ['public.orders'], receipts, sink: certyoSink({ client, receipts }), catchUp: pipeline });
 * const report = await audit.run();
 * await writeFile('audit.html', auditReportHtml(report));
 * @throws ConfigurationError when an option is wrong.
 */
export function createAudit(options: AuditOptions): Audit {
  return new StandardAudit(normalizeAuditOptions(options));
}
