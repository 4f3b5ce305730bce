export { readPublication } from './catalog/publication.ts';
export { resolveTables } from './catalog/resolve-tables.ts';
export { serverInfo } from './catalog/server-info.ts';
export { acceptCheckpoint, REPLACED_KINDS } from './checkpoint/accept-checkpoint.ts';
export { postgresCheckpointStore } from './checkpoint/postgres-checkpoint-store.ts';
export { checkpointGrantSql, checkpointSetupSql, checkpointTeardownSql } from './checkpoint/sql.ts';
export { connect } from './connection/connect.ts';
export { TLS_MODES } from './connection/connection-options.ts';
export { PINNED_SETTINGS } from './connection/pinned-settings.ts';
export { pinSettings, withPinnedSettings } from './connection/pinned-transaction.ts';
export { reconnectDelayMs } from './connection/reconnect-delay.ts';
export { resolveConnection } from './connection/resolve-connection.ts';
export { sqlSession } from './connection/sql-session.ts';
export { queryText } from './connection/text-query.ts';
export { destroyClient, endClient, withinDeadline } from './connection/watched-client.ts';
export { postgresDeadLetterStore } from './dead-letter/postgres-dead-letter-store.ts';
export {
  deadLetterGrantSql,
  deadLetterSetupSql,
  deadLetterTeardownSql,
} from './dead-letter/sql.ts';
export { qualifiedName, quoteIdentifier, quoteLiteral } from './identifier/quote.ts';
export { parseTableName } from './identifier/table-name.ts';
export { acquireLease } from './lease/acquire-lease.ts';
export { LeaseKeeper } from './lease/lease-keeper.ts';
export { leaseGrantSql, leaseSetupSql, leaseTeardownSql } from './lease/sql.ts';
export { hasCapturedSince, readReplacements } from './replacement/read-replacements.ts';
export {
  FUNCTION_VERSION_SQL,
  replaceFunctionSql,
  replacementsSetupSql,
  replaceTriggerSql,
  TRIGGER_VERSION_SQL,
} from './replacement/sql.ts';
export {
  columnInfos,
  isSameColumn,
  knownRelationsFromJson,
  knownRelationsToJson,
} from './row/known-relation.ts';
export { OWN_COLUMNS, STATUS_COLUMNS, XID_COLUMN } from './row/own-columns.ts';
export { createRowChange, createSnapshots } from './row/row-change.ts';
export { createRowDescriptor } from './row/row-descriptor.ts';
export {
  createAcceptedGap,
  createLogicalMessage,
  createSchemaChange,
  createTruncate,
} from './row/table-events.ts';
export {
  NOT_SENT,
  SPAN_NOT_SENT,
  SPAN_NULL,
  SPAN_UNAVAILABLE,
  spanLength,
  spanStart,
  tupleAt,
  tupleFromTexts,
  tupleOf,
  UNAVAILABLE,
} from './row/tuple.ts';
export {
  FLUSHED_LSN_SQL,
  isSameLife,
  SERVER_LIFE_SQL,
  waitForFlush,
  WRITTEN_LSN_SQL,
} from './sequence-log/flush-fence.ts';
export { openSequenceLog } from './sequence-log/sequence-log.ts';
export { dropEventTriggerSql, eventTriggerSql, readEventTriggers } from './setup/event-trigger.ts';
export { prepareToWrite } from './setup/prepare-to-write.ts';
export { runSetup, SETUP_LOCK } from './setup/run-setup.ts';
export { readSetupOptions, readTeardownOptions } from './setup/setup-options.ts';
export { withSetupSessions } from './setup/setup-sessions.ts';
export { stateStores } from './setup/state-stores.ts';
export { stateSetupSql, stateTeardownSql } from './setup/state-tables.ts';
export { judgeStoreFailure } from './setup/store-failure.ts';
export {
  DEFAULT_SCHEMA,
  normalizePostgresStoreOptions,
  openStoreSession,
  roleOf,
} from './setup/store-session.ts';
export { readObjectName } from './source-options/object-name.ts';
export { readReconnect } from './source-options/reconnect-options.ts';
export { readRecordKeys } from './source-options/record-keys.ts';
export { normalizeSourceOptions } from './source-options/source-options.ts';
export { isStateSchema, readStateSchema } from './source-options/state-schema.ts';
export { readTableList, readTables, refuseOwnAndRepeated } from './source-options/tables.ts';
export { classifyPostgresError } from './sqlstate/classify-postgres-error.ts';
export { describePostgresError, redactPostgresError } from './sqlstate/describe-postgres-error.ts';
export { judgeSourceFailure } from './sqlstate/judge-source-failure.ts';
export { PostgresServerError, sqlStateOf } from './sqlstate/postgres-error.ts';
export { parseRecordText } from './values/record-text.ts';
export { readTypeDescriptors, TYPE_KINDS } from './values/type-descriptor.ts';
export { recordVersion, versionOf, versionPrefix, versionText } from './version/record-version.ts';
export { createTypeRegistry, restoreTypeRegistry } from './values/type-registry.ts';

export type { PublicationDescription, PublicationTable } from './catalog/publication.ts';
export type { ServerInfo } from './catalog/server-info.ts';
export type {
  ColumnDescription,
  ReplicaIdentity,
  TableDescription,
} from './catalog/table-description.ts';
export type {
  AcceptedCheckpoint,
  CheckpointExpectation,
  ReplacedKind,
} from './checkpoint/accept-checkpoint.ts';
export type { PostgresCheckpointStore } from './checkpoint/postgres-checkpoint-store.ts';
export type { ConnectOptions } from './connection/connect.ts';
export type {
  ConnectionOptions,
  Password,
  ResolvedConnection,
  ResolvedTls,
  TlsLoader,
  TlsMaterial,
  TlsMode,
  TlsOptions,
} from './connection/connection-options.ts';
export type { PoolClientLike, PoolLike } from './connection/pool-session.ts';
export type { ReconnectDelays } from './connection/reconnect-delay.ts';
export type { Environment } from './connection/resolve-connection.ts';
export type { SqlExecutor, SqlSession, SqlSessionOptions } from './connection/sql-executor.ts';
export type { Queryable, SqlParameter, SqlResult, SqlRow } from './connection/text-query.ts';
export type { PostgresDeadLetterStore } from './dead-letter/postgres-dead-letter-store.ts';
export type { HintedStream, RowHint } from './hint/hinted-stream.ts';
export type { QualifiedName } from './identifier/quote.ts';
export type { TableName } from './identifier/table-name.ts';
export type { ColumnShape, KnownColumn, KnownRelation } from './row/known-relation.ts';
export type { RowChangeOptions } from './row/row-change.ts';
export type { RowColumn, RowDescriptor, RowDescriptorOptions } from './row/row-descriptor.ts';
export type {
  AcceptedGapOptions,
  LogicalMessageOptions,
  SchemaChangeOptions,
  TableEventOptions,
  TruncateOptions,
} from './row/table-events.ts';
export type { RowBlock, Tuple, TupleText } from './row/tuple.ts';
export type { LeaseOptions } from './lease/acquire-lease.ts';
export type { LeaseKeeperOptions } from './lease/lease-keeper.ts';
export type { Lease } from './lease/lease.ts';
export type { Replacement } from './replacement/read-replacements.ts';
export type { FunctionState, ReplacementPlan } from './replacement/sql.ts';
export type { LockHolder } from './sequence-log/gap-fence.ts';
export type {
  SequenceLog,
  SequenceLogOptions,
  SequenceLogPage,
  SequenceLogRow,
} from './sequence-log/sequence-log.ts';
export type { EventTrigger, FoundEventTrigger } from './setup/event-trigger.ts';
export type { RunSetupOptions, SetupStatement } from './setup/run-setup.ts';
export type { SetupOptions, TeardownOptions } from './setup/setup-options.ts';
export type { SetupDatabases, SetupSessionsOptions } from './setup/setup-sessions.ts';
export type { StatePlace, StateStores } from './setup/state-stores.ts';
export type { StateTable, StateTableOptions } from './setup/state-tables.ts';
export type { StoreFailure, StoreRemedies } from './setup/store-failure.ts';
export type { NormalizedStoreOptions, PostgresStoreOptions } from './setup/store-session.ts';
export type { ReconnectOptions } from './source-options/reconnect-options.ts';
export type { RecordKeys } from './source-options/record-keys.ts';
export type { SourceOptions, SourceSettings } from './source-options/source-options.ts';
export type { SourceFailureWords } from './sqlstate/judge-source-failure.ts';
export type { ServerErrorFields } from './sqlstate/postgres-error.ts';
export type { TypeDescriptor, TypeKind, TypeQuery } from './values/type-descriptor.ts';
export type { TypeRegistry, TypeUse } from './values/type-registry.ts';
export type { ValueCodec } from './values/value-codec.ts';
