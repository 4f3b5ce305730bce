export { createCertyoClient } from './certyo/certyo-client.ts';
export { certyoSink } from './certyo/certyo-sink.ts';
export { defaultCodecs } from './certyo/codecs.ts';
export { CdcError } from './errors/cdc-error.ts';
export { ERROR_CODES } from './errors/codes.ts';
export { ConfigurationError } from './errors/configuration-error.ts';
export {
  DeliveryConnectionError,
  DeliveryTimeoutError,
  HttpStatusError,
  RecordRejectedError,
  ResponseInvalidError,
  RetriesExhaustedError,
} from './errors/delivery-error.ts';
export { PipelineStateError } from './errors/pipeline-state-error.ts';
export {
  GapError,
  NotificationsOverflowError,
  SourceConnectionError,
  SourceProtocolError,
  SourceSetupError,
  SourceSpoolError,
} from './errors/source-error.ts';
export {
  CheckpointError,
  CheckpointFencedError,
  DeadLetterError,
  ReceiptError,
  WindowError,
  WriteBackError,
} from './errors/store-error.ts';
export { MappingError, UnavailableValueError, ValueError } from './errors/value-error.ts';
export { isRowChange } from './event/change-event.ts';
export { changeEventSchema } from './event/change-event-schema.ts';
export { JsonNumber } from './event/json.ts';
export { isSecret, secret } from './internal/secret.ts';
export { writeRow } from './event/write-row.ts';
export { ByteWriter } from './json/byte-writer.ts';
export { ConstantBytes } from './json/constant-bytes.ts';
export { canonicalJson } from './json/canonical-json.ts';
export { minifyJson } from './json/minify-json.ts';
export { parseJson } from './json/parse-json.ts';
export { recordMapper } from './mapper/record-mapper.ts';
export { changes } from './pipeline/changes.ts';
export { createPipeline } from './pipeline/create-pipeline.ts';
export { PIPELINE_STATES } from './pipeline/pipeline-event.ts';
export { shareSource } from './share/share-source.ts';

export type { CertyoAnswer } from './certyo/api-answer.ts';
export type { BulkItem, BulkVerdict } from './certyo/bulk-answer.ts';
export type { CertyoClient } from './certyo/certyo-client.ts';
export type { CertyoItem } from './certyo/certyo-item.ts';
export type { ItemOrigin } from './certyo/item-origin.ts';
export type { SkipUnchanged } from './certyo/sink-receipts.ts';
export type { CertyoSinkOptions } from './certyo/sink-options.ts';
export type {
  AcceptedRecord,
  BulkResult,
  CallOptions,
  CertyoDocument,
  CertyoPage,
  CertyoRecord,
  OperationType,
  QueryParameters,
  Snapshot,
  Verification,
} from './certyo/certyo-types.ts';
export type { ApiKey, CertyoClientOptions } from './certyo/client-options.ts';
export type { CertyoCodecs } from './certyo/codecs.ts';
export type { FoundRecord } from './certyo/find-record.ts';
export type { CertyoRequest } from './certyo/http-transport.ts';
export type {
  UnavailableAction,
  UnavailableColumns,
  UnavailablePolicy,
} from './certyo/unavailable-policy.ts';
export type { VerifyRecordRequest } from './certyo/verify-body.ts';
export type {
  Checkpoint,
  CheckpointStore,
  Position,
  SourceIdentity,
  StoredCheckpoint,
} from './checkpoint/checkpoint.ts';
export type {
  DeadLetter,
  DeadLetterStore,
  NewDeadLetter,
} from './dead-letter/dead-letter-store.ts';
export type { CdcErrorOptions } from './errors/cdc-error.ts';
export type { ErrorCode, ErrorCodeDescription, GapCode } from './errors/codes.ts';
export type {
  AcceptedGap,
  ChangeEvent,
  ColumnInfo,
  EventSource,
  LogicalMessage,
  RowChange,
  RowOperation,
  SchemaChange,
  TableInfo,
  TransactionInfo,
  Truncate,
} from './event/change-event.ts';
export type {
  AcceptedGapJson,
  ChangeEventJson,
  LogicalMessageJson,
  RowChangeJson,
  SchemaChangeJson,
  TruncateJson,
} from './event/change-event-json.ts';
export type { JsonRow, JsonValue } from './event/json.ts';
export type { Secret } from './internal/secret.ts';
export type { ParseJsonOptions } from './json/parse-json.ts';
export type { ColumnPolicies, ColumnPolicy } from './mapper/column-policy.ts';
export type { RecordMapper, RecordMapperOptions } from './mapper/record-mapper.ts';
export type { MappedOperation, MappedRow, TableMapping } from './mapper/table-mapping.ts';
export type { ChangesOptions } from './pipeline/changes.ts';
export type {
  BatchOptions,
  CircuitBreakerOptions,
  PipelineLimits,
  PipelineOptions,
  RetryBudgetOption,
  RetryOptions,
  UnacknowledgedLimits,
} from './pipeline/options.ts';
export type { PipelineEvent, PipelineState } from './pipeline/pipeline-event.ts';
export type { Pipeline, PipelineStatus } from './pipeline/pipeline.ts';
export type { PipelineTime } from './pipeline/time.ts';
export type {
  LatestReceipt,
  Receipt,
  RecordName,
  RecordVersionName,
  StoredReceipt,
} from './receipts/receipt.ts';
export type { ReceiptCallOptions, ReceiptStore, SendMark } from './receipts/receipt-store.ts';
export type { TableVersion, TableVersionColumn } from './receipts/table-version.ts';
export type {
  BeginWindowsOptions,
  CheckpointSpan,
  EventCounts,
  EventOutcome,
  SpanSource,
  TextRange,
  WindowStore,
} from './windows/window-store.ts';
export type { LaggardPolicy, ShareOptions } from './share/share-options.ts';
export type { SharedSource } from './share/share-source.ts';
export type {
  ChangeBatch,
  ChangeSource,
  ChangeStream,
  OpenOptions,
  SourceLag,
} from './source/change-source.ts';
export type { CopyProgress } from './source/copy-progress.ts';
export type { SlotHealth } from './source/slot-health.ts';
export type { SourceEvent } from './source/source-event.ts';
export type { StreamSharing } from './source/stream-sharing.ts';
export type {
  BeginOptions,
  DeliverOptions,
  Prepared,
  SentBefore,
  Sink,
  Verdict,
} from './sink/sink.ts';
