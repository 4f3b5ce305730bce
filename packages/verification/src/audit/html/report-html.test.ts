import { describe, expect, test } from 'vitest';

import type { AuditException, AuditReport } from '../report-schema.ts';
import { newTally } from '../tally.ts';
import { timelineChart } from './chart.ts';
import { escapeHtml, wholeNumber } from './escape.ts';
import { auditReportHtml } from './report-html.ts';

const HOSTILE = `<img src=x onerror="alert('1')">&`;

const EXCEPTION: AuditException = {
  kind: 'changed',
  table: `public."${HOSTILE}"`,
  database: HOSTILE,
  collection: HOSTILE,
  recordId: HOSTILE,
  key: [HOSTILE],
  reason: HOSTILE,
  foundFingerprint: 'f'.repeat(64),
  recorded: {
    recordVersion: HOSTILE,
    operation: HOSTILE,
    fingerprint: HOSTILE,
    recordHash: HOSTILE,
    acceptedAt: HOSTILE,
    state: 'anchored',
  },
  equalsVersion: HOSTILE,
  columns: [HOSTILE],
  values: { [HOSTILE]: { recorded: HOSTILE, found: null } },
  certyo: { verified: false, anchored: false, reason: HOSTILE },
};

function report(more: Partial<AuditReport> = {}): AuditReport {
  return {
    format: 'certyo-cdc-audit',
    version: 1,
    verdict: 'exceptions',
    startedAt: HOSTILE,
    finishedAt: HOSTILE,
    database: { name: HOSTILE, systemIdentifier: HOSTILE, serverVersion: HOSTILE },
    snapshots: [HOSTILE],
    settledBy: 'slot',
    span: { from: HOSTILE, to: null },
    totals: newTally(),
    tables: [
      {
        table: HOSTILE,
        from: [HOSTILE],
        to: null,
        where: HOSTILE,
        totals: newTally(),
        notComparable: [{ reason: HOSTILE, rows: 1 }],
      },
    ],
    timeline: {
      bucket: 'day',
      points: [{ at: HOSTILE, pending: 1, anchored: 2, failed: 3 }],
    },
    exceptions: [EXCEPTION, { ...EXCEPTION, columns: null }],
    exceptionsLeftOut: 1_234_567,
    certyo: null,
    ...more,
  };
}

describe('auditReportHtml', () => {
  test('whatever stands in a report is text', () => {
    const page = auditReportHtml(report(), { title: HOSTILE });
    expect(page).not.toContain('<img');
    expect(page).not.toContain('onerror="');
    expect(page).toContain(escapeHtml(HOSTILE));
    expect(page).toContain('1\u{202F}234\u{202F}567 more');
    expect(page).toContain("default-src 'none'");
  });

  test('an unknown option is refused', () => {
    expect(() => auditReportHtml(report(), { titel: 'x' } as never)).toThrow('title');
  });
});

describe('timelineChart', () => {
  test('nothing, one bar, many bars with gaps', () => {
    expect(timelineChart({ bucket: 'day', points: [] })).toContain('no receipts');
    const counts = { pending: 0, anchored: 7, failed: 0 };
    const one = timelineChart({
      bucket: 'hour',
      points: [{ at: '2026-01-01T10:00:00.000000Z', ...counts }],
    });
    expect(one.match(/<rect/gu)).toHaveLength(1);
    expect(one).toContain('2026-01-01 10:00: 7 anchored, 0 pending, 0 failed');
    const points = Array.from({ length: 30 }, (_, index) => ({
      at: new Date(Date.UTC(2026, 0, 1 + index * 2)).toISOString(),
      ...counts,
      failed: index,
    }));
    const many = timelineChart({ bucket: 'day', points });
    expect(many.match(/<rect class="anchored"/gu)).toHaveLength(30);
    expect(many.match(/<rect class="failed"/gu)).toHaveLength(29);
    expect(many).not.toContain('NaN');
  });

  test.each([
    ['month', '2026-05-01T00:00:00.000000Z', 5],
    ['year', '2030-01-01T00:00:00.000000Z', 5],
    ['week', '2026-01-29T00:00:00.000000Z', 5],
  ] as const)('a %s without receipts keeps its place', (bucket, at, slots) => {
    const counts = { pending: 0, anchored: 7, failed: 0 };
    const points = ['2026-01-01T00:00:00.000000Z', at].map((each) => ({ at: each, ...counts }));
    const bars = [...timelineChart({ bucket, points }).matchAll(/<rect [^>]* x="([\d.]+)"/gu)];
    const [one = 0, other = 0] = bars.map(([, x]) => Number(x));
    expect(other - one).toBeCloseTo((844 / slots) * (slots - 1), 0);
  });

  test('numbers are grouped', () => {
    expect([0, 999, 1000, 1234567].map(wholeNumber)).toEqual([
      '0',
      '999',
      '1\u{202F}000',
      '1\u{202F}234\u{202F}567',
    ]);
  });
});
