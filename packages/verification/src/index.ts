export { auditReportHtml } from './audit/html/report-html.ts';
export { fileAuditState } from './audit/audit-state.ts';
export { createAudit } from './audit/create-audit.ts';
export { auditGrantSql } from './audit/grants.ts';
export { AUDIT_FINDINGS, auditReportSchema } from './audit/report-schema.ts';
export { createEvidence } from './evidence/create-evidence.ts';
export { EVIDENCE_STEPS } from './evidence/report.ts';
export { verifyEvidence } from './evidence/verify-evidence.ts';
export { postgresReceiptStore } from './receipts/postgres-receipt-store.ts';
export { receiptGrantSql, verifierGrantSql } from './setup/grants.ts';
export { ledgerSetupSql, ledgerTeardownSql } from './setup/setup-sql.ts';
export { defaultAnchoringCodec } from './verifier/anchoring-codec.ts';
export { createVerifier } from './verifier/create-verifier.ts';
export { VERIFIER_STATES } from './verifier/events.ts';
export { checkWindows } from './windows/check-windows.ts';
export { createWindowAnchoring } from './windows/create-window-anchoring.ts';
export { postgresWindowStore } from './windows/postgres-window-store.ts';
export {
  windowGrantSql,
  windowReadGrantSql,
  windowSetupSql,
  windowTeardownSql,
} from './windows/sql.ts';
export { createRowVerifier } from './write-back/create-row-verifier.ts';
export { createWriteBack } from './write-back/create-write-back.ts';
export { writeBackFollowerGrantSql } from './write-back/setup.ts';

export type { AuditState, AuditStateStore } from './audit/audit-state.ts';
export type { CatchUp, SettledBy } from './audit/catch-up.ts';
export type { Audit } from './audit/create-audit.ts';
export type { AuditEvent } from './audit/events.ts';
export type { RecordedPayload } from './audit/recorded-payload.ts';
export type { AuditHtmlOptions } from './audit/html/report-html.ts';
export type { AuditOptions, AuditTableOptions } from './audit/options.ts';
export type { ReconcileResult } from './audit/reconcile.ts';
export type {
  AuditAnswer,
  AuditException,
  AuditFindingKind,
  AuditReport,
  AuditTableTotals,
} from './audit/report-schema.ts';
export type { Suspect } from './audit/suspect.ts';
export type {
  EvidenceBundle,
  EvidenceReceipt,
  EvidenceVersion,
  EvidenceWindow,
} from './evidence/bundle.ts';
export type { EvidenceOptions, PayloadLookup } from './evidence/create-evidence.ts';
export type { EvidenceReport, EvidenceStep, EvidenceStepName } from './evidence/report.ts';
export type { VerifyEvidenceOptions } from './evidence/verify-evidence.ts';
export type { KeptReceipt, ReceiptState } from './receipts/kept-receipt.ts';
export type { PostgresReceiptStoreOptions } from './receipts/options.ts';
export type {
  AnchoredWithin,
  LedgerSummary,
  PostgresReceiptStore,
} from './receipts/postgres-receipt-store.ts';
export type { LedgerShape, PartitionPeriod } from './setup/options.ts';
export type { AnchoringCodec, SeenBatch, SeenSnapshot } from './verifier/anchoring-codec.ts';
export type { Verifier, VerifierStatus } from './verifier/create-verifier.ts';
export type { Counts, RoundResult, VerifierEvent, VerifierState } from './verifier/events.ts';
export type { FinishedReceipt, VerifierFollower } from './verifier/follower.ts';
export type { LatencySummary } from './verifier/latencies.ts';
export type { VerifierOptions } from './verifier/options.ts';
export type { WindowProblem } from './windows/chain-check.ts';
export type { CheckWindowsOptions, WindowCheck } from './windows/check-windows.ts';
export type { WindowAnchoringOptions } from './windows/create-window-anchoring.ts';
export type { ChainEnd } from './windows/fold.ts';
export type { PostgresWindowStoreOptions } from './windows/options.ts';
export type { PostgresWindowStore } from './windows/postgres-window-store.ts';
export type { CompletenessWindow, StoredWindow } from './windows/window.ts';
export type { RowVerifier, RowVerifierStatus } from './write-back/create-row-verifier.ts';
export type { WriteBack, WriteBackStatus } from './write-back/create-write-back.ts';
export type { WriteBackEvent, WriteBackRound } from './write-back/events.ts';
export type {
  ColumnTargetOptions,
  MappingOptions,
  WriteBackOptions,
} from './write-back/options.ts';
export type {
  Protection,
  ProtectionPlan,
  SourceKind,
  WriteBackSource,
} from './write-back/protection.ts';
export type { StatusColumnOptions } from './write-back/status-columns.ts';
export type {
  RowVerifierEvent,
  RowVerifierOptions,
  RowVerifierRound,
} from './write-back/row-verifier-options.ts';
