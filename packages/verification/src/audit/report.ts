import type { ServerInfo } from '@certyo-cdc/postgres';

import type { Audited } from './audited.ts';
import { settledBy } from './catch-up.ts';
import type { CertyoQuestions } from './explain.ts';
import type { Findings } from './findings.ts';
import type { NormalizedAuditOptions } from './options.ts';
import { AUDIT_FINDINGS, type AuditException, type AuditReport } from './report-schema.ts';
import { addTally, newTally, type Tally } from './tally.ts';

interface ReportParts {
  readonly options: NormalizedAuditOptions;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly server: ServerInfo;
  readonly snapshots: readonly string[];
  readonly tables: readonly Audited[];
  readonly timeline: AuditReport['timeline'];
  readonly findings: Findings;
  readonly questions: CertyoQuestions | null;
}

/** Puts together what an audit has found. */
export function toReport(parts: ReportParts): AuditReport {
  const { findings, options, questions, server, tables } = parts;
  const totals = newTally();
  for (const { tally } of tables) addTally(totals, tally);
  return {
    format: 'certyo-cdc-audit',
    version: 1,
    verdict: verdictOf(totals),
    startedAt: parts.startedAt,
    finishedAt: parts.finishedAt,
    database: {
      name: server.database,
      systemIdentifier: server.systemIdentifier,
      serverVersion: server.version,
    },
    snapshots: parts.snapshots,
    settledBy: settledBy(options.catchUp),
    span: spanOf(options),
    totals,
    tables: tables.map(({ notComparable, shape, tally }) => ({
      table: shape.label,
      from: shape.settings.from,
      to: shape.settings.to,
      where: shape.settings.where,
      totals: tally,
      notComparable: [...notComparable].map(([reason, rows]) => ({ reason, rows })),
    })),
    timeline: parts.timeline,
    exceptions: findings.exceptions.toSorted(compareExceptions),
    exceptionsLeftOut: findings.leftOut,
    certyo:
      questions === null
        ? null
        : {
            asked: questions.asked,
            verified: questions.verified,
            notVerified: questions.notVerified,
            unanswered: questions.unanswered,
          },
  };
}

const NATURAL = new Intl.Collator('en', { numeric: true });

/** By table, kind, and record: numbers by their size. */
function compareExceptions(one: AuditException, other: AuditException): number {
  return (
    NATURAL.compare(one.table, other.table) ||
    AUDIT_FINDINGS.indexOf(one.kind) - AUDIT_FINDINGS.indexOf(other.kind) ||
    NATURAL.compare(one.recordId, other.recordId)
  );
}

function verdictOf({ exceptions, notComparable, unsettled }: Tally): AuditReport['verdict'] {
  if (Object.values(exceptions).some((count) => count > 0)) return 'exceptions';
  return notComparable + unsettled > 0 ? 'incomplete' : 'passed';
}

function spanOf({ span }: NormalizedAuditOptions): AuditReport['span'] {
  if (span === null) return null;
  const text = (ms: number): string | null =>
    Number.isFinite(ms) ? new Date(ms).toISOString() : null;
  return { from: text(span.fromMs), to: text(span.toMs) };
}
