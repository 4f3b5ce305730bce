export { verifyMerkleProof } from './certyo/merkle-tree.ts';
export { startCertyoEmulator } from './certyo/start-certyo-emulator.ts';
export { checkJsonForm } from './conformance/check-json-form.ts';
export { manualTime } from './memory/manual-time.ts';
export { memoryCheckpointStore } from './memory/memory-checkpoint-store.ts';
export { memoryDeadLetterStore } from './memory/memory-dead-letter-store.ts';
export { memoryReceiptStore } from './memory/memory-receipt-store.ts';
export { memoryItem, memorySink } from './memory/memory-sink.ts';
export { memorySource } from './memory/memory-source.ts';
export { compareEffects } from './oracle/compare-effects.ts';
export { compareFinalStates } from './oracle/compare-final-states.ts';
export { countHistory, installHistory } from './oracle/committed-history.ts';
export { createCertificates } from './postgres/certificates.ts';
export { openPostgres } from './postgres/open-postgres.ts';
export { startPostgres } from './postgres/start-postgres.ts';
export { faultProxy } from './proxy/fault-proxy.ts';
export { openReader } from './reader/stream-reader.ts';
export { tell } from './reader/tell.ts';

export type { AnchoringStatus, ChainBlock } from './certyo/batch.ts';
export type { CertyoEmulator, CertyoEnvironment } from './certyo/certyo-emulator.ts';
export type { EmulatorClock } from './certyo/emulator-clock.ts';
export type { CertyoFault, CertyoFaults, FaultHandle, FaultTarget } from './certyo/fault.ts';
export type {
  CertyoEffect,
  EffectFilter,
  EmulatorCounters,
  RequestLogEntry,
} from './certyo/inspection.ts';
export type { CertyoApiKey, KeyRing } from './certyo/key-ring.ts';
export type { RecordDigest, Retention } from './certyo/ledger.ts';
export type { MerkleStep } from './certyo/merkle-tree.ts';
export type {
  CertyoEmulatorOptions,
  EmulatorPhase,
  EmulatorPhaseInfo,
  EmulatorRateLimit,
} from './certyo/options.ts';
export type { ManualTime } from './memory/manual-time.ts';
export type {
  MemoryCheckpointStore,
  MemoryCheckpointStoreOptions,
} from './memory/memory-checkpoint-store.ts';
export type { MemoryDeadLetterStore } from './memory/memory-dead-letter-store.ts';
export type { MemoryReceiptStore } from './memory/memory-receipt-store.ts';
export type { MemoryChange } from './memory/memory-event.ts';
export type {
  MemoryFault,
  MemoryItem,
  MemoryRequest,
  MemorySink,
  MemorySinkOptions,
} from './memory/memory-sink.ts';
export type { MemorySource, MemorySourceOptions } from './memory/memory-source.ts';
export type { CollectionComparison, Comparison } from './oracle/compare-effects.ts';
export type { FinalStateComparison, FinalStateOptions } from './oracle/compare-final-states.ts';
export type { HistoryTable, OracleQuery } from './oracle/history-table.ts';
export type { CertificateOptions, KeyPair, TestCertificates } from './postgres/certificates.ts';
export type { SettingValue } from './postgres/configuration.ts';
export type { OpenPostgresOptions } from './postgres/open-postgres.ts';
export type { PostgresOptions } from './postgres/options.ts';
export type { PostgresAddress } from './postgres/postgres-address.ts';
export type { PostgresAccess, PostgresServer, StopMode } from './postgres/postgres-server.ts';
export type { PostgresStorage } from './postgres/storage.ts';
export type { TestDatabase } from './postgres/test-database.ts';
export type { CutOptions, FaultProxy } from './proxy/fault-proxy.ts';
export type { CutHow, Faults, PipeDirection } from './proxy/faults.ts';
export type { FaultProxyOptions, ProxyTarget } from './proxy/options.ts';
export type { ReaderOptions, StreamReader } from './reader/stream-reader.ts';
