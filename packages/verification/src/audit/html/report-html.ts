import type { AuditReport } from '../report-schema.ts';

export interface AuditHtmlOptions {
  readonly title?: string | undefined;
}
export function auditReportHtml(report: AuditReport, _options: AuditHtmlOptions = {}): string {
  return JSON.stringify(report);
}
