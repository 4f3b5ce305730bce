import { ConfigurationError } from '@certyo-cdc/core';
import { OptionReader } from '@certyo-cdc/core/internal';

import {
  AUDIT_FINDINGS,
  type AuditException,
  type AuditFindingKind,
  type AuditReport,
  auditReportSchema,
  type AuditTableTotals,
} from '../report-schema.ts';
import { timelineChart } from './chart.ts';
import { escapeHtml, readableTime, wholeNumber } from './escape.ts';
import { STYLE } from './style.ts';

/** Options of `auditReportHtml`. */
export interface AuditHtmlOptions {
  /** @default 'Audit of ' and the database */
  readonly title?: string | undefined;
}

const KINDS: Readonly<Record<AuditFindingKind, string>> = {
  changed: 'Changed without a record',
  'missing-record': 'Missing record',
  'missing-row': 'Missing row',
  'out-of-order': 'Out of order',
  'not-anchored': 'Not anchored',
};

const VERDICTS: Readonly<Record<AuditReport['verdict'], string>> = {
  passed: 'Passed: every row is what its newest record says',
  exceptions: 'Exceptions were found',
  incomplete: 'No exceptions, but not everything could be compared',
};

const SETTLED: Readonly<Record<AuditReport['settledBy'], string>> = {
  pipeline: 'by waiting until the pipeline had delivered everything that was committed',
  slot: 'by waiting until the replication slot had confirmed everything that was committed',
  time: 'by waiting for a fixed time: what a pipeline had not delivered by then shows as an exception',
};

/**
 * Writes a report as one HTML page that needs nothing else: no script, no font, no image from anywhere. Good to read on a screen
 * and on paper. It shows values of rows only where the report holds them.
 *
 * @throws ConfigurationError for what is no report.
 */
export function auditReportHtml(report: AuditReport, options: AuditHtmlOptions = {}): string {
  const read = auditReportSchema.safeParse(report);
  if (!read.success) {
    throw new ConfigurationError(
      'report',
      'Expected what `audit.run()` gave, or the same as JSON.',
    );
  }
  const { data } = read;
  const given = new OptionReader('', options, ['title']).text('title', '');
  const title = escapeHtml(given === '' ? `Audit of ${data.database.name}` : given);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="soft">${escapeHtml(readableTime(data.startedAt))} to ${escapeHtml(readableTime(data.finishedAt))}</p>
<p class="verdict ${data.verdict}">${VERDICTS[data.verdict]}</p>
</header>
<main>
${cards(data)}
<h2>Anchoring over time</h2>
${timelineChart(data.timeline)}
<h2>Tables</h2>
${tables(data)}
<h2 id="exceptions">Exceptions</h2>
${exceptions(data)}
${notCompared(data)}
<h2>How this was found</h2>
${method(data)}
</main>
<footer>A fingerprint is the SHA-256 of a record's canonical payload. The newest receipt of a record is what Certyo accepted last of its row.</footer>
</body>
</html>
`;
}

function cards({ certyo, totals }: AuditReport): string {
  const wrong = exceptionsOf(totals);
  const list: readonly (readonly [number, string, string])[] = [
    [totals.rows, 'rows read', ''],
    [totals.unchanged, 'as recorded', ''],
    [wrong, 'exceptions', wrong > 0 ? 'bad' : ''],
    [totals.notComparable, 'not comparable', totals.notComparable > 0 ? 'wait' : ''],
    [totals.anchoring.anchored, 'anchored', ''],
    [
      totals.anchoring.pending,
      'waiting to be anchored',
      totals.anchoring.pending > 0 ? 'wait' : '',
    ],
    ...(totals.unsettled > 0 ? ([[totals.unsettled, 'unsettled', 'wait']] as const) : []),
    ...(certyo === null
      ? []
      : ([
          [certyo.verified, `verified by Certyo of ${wholeNumber(certyo.asked)} asked`, ''],
        ] as const)),
  ];
  return `<section class="cards" aria-label="Totals">${list
    .map(
      ([value, name, mark]) =>
        `<div class="card ${mark}"><b>${wholeNumber(value)}</b><span>${name}</span></div>`,
    )
    .join('')}</section>`;
}

function exceptionsOf({ exceptions: counts }: AuditTableTotals): number {
  return AUDIT_FINDINGS.reduce((sum, kind) => sum + counts[kind], 0);
}

function tables(report: AuditReport): string {
  const heads = [
    'Rows',
    'As recorded',
    ...AUDIT_FINDINGS.map((kind) => KINDS[kind]),
    'Not comparable',
  ];
  const cells = ({
    exceptions: counts,
    notComparable,
    rows,
    unchanged,
  }: AuditTableTotals): string =>
    [rows, unchanged, ...AUDIT_FINDINGS.map((kind) => counts[kind]), notComparable]
      .map((value) => `<td class="n">${wholeNumber(value)}</td>`)
      .join('');
  return `<div class="wide"><table>
<thead><tr><th scope="col">Table</th>${heads.map((name) => `<th scope="col" class="n">${name}</th>`).join('')}</tr></thead>
<tbody>${report.tables
    .map(({ from, table, to, totals, where }) => {
      const part = [
        ...(from === null ? [] : [`from ${from.join(', ')}`]),
        ...(to === null ? [] : [`before ${to.join(', ')}`]),
        ...(where === null ? [] : [`where ${where}`]),
      ].join(' ');
      const said = part === '' ? '' : `<br><span class="soft">${escapeHtml(part)}</span>`;
      return `<tr><td><code class="name">${escapeHtml(table)}</code>${said}</td>${cells(totals)}</tr>`;
    })
    .join('\n')}</tbody>
</table></div>`;
}

function exceptions(report: AuditReport): string {
  if (report.exceptions.length === 0) return '<p class="soft">None.</p>';
  const more =
    report.exceptionsLeftOut === 0
      ? ''
      : `<p>${wholeNumber(report.exceptionsLeftOut)} more were counted and are not listed.</p>`;
  return `${more}<div class="wide"><table>
<thead><tr><th scope="col">What</th><th scope="col">Record</th><th scope="col">What differs</th><th scope="col">Newest receipt</th></tr></thead>
<tbody>${report.exceptions.map((exception) => exceptionRow(exception)).join('\n')}</tbody>
</table></div>`;
}

function exceptionRow(exception: AuditException): string {
  const { certyo, equalsVersion, kind, reason, recordId, recorded, table } = exception;
  const asked =
    certyo === null
      ? ''
      : `<br><span class="soft">Certyo: ${certyo.verified ? 'verified' : 'not verified'}${certyo.reason === null ? '' : ` (${escapeHtml(certyo.reason)})`}</span>`;
  const older =
    equalsVersion === null ? '' : `<br>equal to version <code>${escapeHtml(equalsVersion)}</code>`;
  const receipt =
    recorded === null
      ? '<span class="soft">none</span>'
      : `${escapeHtml(recorded.operation)}, ${recorded.state}<br>${escapeHtml(readableTime(recorded.acceptedAt))}<br><code>${escapeHtml(recorded.recordVersion)}</code><br><code title="fingerprint">${escapeHtml(recorded.fingerprint.slice(0, 16))}…</code>`;
  return `<tr><td><span class="kind">${KINDS[kind]}</span><br><span class="soft">${escapeHtml(reason)}</span>${asked}</td><td><code class="name">${escapeHtml(table)}</code><br><code>${escapeHtml(recordId)}</code></td><td>${differences(exception)}${older}</td><td>${receipt}</td></tr>`;
}

function differences({ columns, foundFingerprint, recorded, values }: AuditException): string {
  if (foundFingerprint === null) return '<span class="soft">there is no row</span>';
  const shown = (text: string | null | undefined): string =>
    text == null ? '<span class="soft">none</span>' : `<code>${escapeHtml(text)}</code>`;
  if (columns === null && values !== null) {
    const now = Object.entries(values).map(
      ([name, { found }]) => `<code>${escapeHtml(name)}</code>: ${shown(found)}`,
    );
    return `<span class="soft">the row is now</span><br>${now.join('<br>')}`;
  }
  const list = (columns ?? []).map((name) => {
    const value = values?.[name];
    const said = value === undefined ? '' : `: ${shown(value.recorded)} → ${shown(value.found)}`;
    return `<code>${escapeHtml(name)}</code>${said}`;
  });
  if (list.length > 0) return list.join('<br>');
  return recorded === null
    ? '<span class="soft">the whole row</span>'
    : `<span class="soft">which columns is not known: the ledger keeps fingerprints</span><br><code title="fingerprint">${escapeHtml(foundFingerprint.slice(0, 16))}…</code>`;
}

function notCompared(report: AuditReport): string {
  const rows = report.tables.flatMap(({ notComparable, table }) =>
    notComparable.map(
      ({ reason, rows: count }) =>
        `<tr><td><code class="name">${escapeHtml(table)}</code></td><td>${escapeHtml(reason)}</td><td class="n">${wholeNumber(count)}</td></tr>`,
    ),
  );
  if (rows.length === 0) return '';
  return `<h2>Not comparable</h2><p>The newest records of these rows were made of columns that the table does not have any more in that form. Nothing can be said of them until they are recorded anew.</p>
<div class="wide"><table><thead><tr><th scope="col">Table</th><th scope="col">Why</th><th scope="col" class="n">Rows</th></tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

function method(report: AuditReport): string {
  const { certyo, database, settledBy, snapshots, span, totals } = report;
  const list: readonly (readonly [string, string])[] = [
    [
      'Database',
      `${database.name}, PostgreSQL ${database.serverVersion}, system ${database.systemIdentifier}`,
    ],
    [
      snapshots.length === 1 ? 'Snapshot' : 'Snapshots',
      snapshots.map((at) => readableTime(at)).join(', '),
    ],
    ['Changes under way were settled', SETTLED[settledBy]],
    ...(span === null
      ? []
      : ([['Records accepted', `${span.from ?? 'any time'} to ${span.to ?? 'now'}`]] as const)),
    ['Newest record shows a part of the row', wholeNumber(totals.partlyShown)],
    ['No record by rule', wholeNumber(totals.byRule)],
    ['Outside the time span', wholeNumber(totals.outsideSpan)],
    ['Kept changing', wholeNumber(totals.unsettled)],
    [
      'Certyo',
      certyo === null
        ? 'was not asked'
        : `${wholeNumber(certyo.asked)} asked, ${wholeNumber(certyo.verified)} verified, ${wholeNumber(certyo.notVerified)} not verified, ${wholeNumber(certyo.unanswered)} without an answer`,
    ],
  ];
  return `<dl>${list.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl>`;
}
