export { postgresReceiptStore } from './receipts/postgres-receipt-store.ts';
export { receiptGrantSql, verifierGrantSql } from './setup/grants.ts';
export { ledgerSetupSql, ledgerTeardownSql } from './setup/setup-sql.ts';
export { defaultAnchoringCodec } from './verifier/anchoring-codec.ts';
export { createVerifier } from './verifier/create-verifier.ts';
export { VERIFIER_STATES } from './verifier/events.ts';
export { createRowVerifier } from './write-back/create-row-verifier.ts';
export { createWriteBack } from './write-back/create-write-back.ts';
export { writeBackFollowerGrantSql } from './write-back/setup.ts';

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
