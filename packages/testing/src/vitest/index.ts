export { describeChangeSource } from '../conformance/describe-change-source.ts';
export { describeReceiptStore } from '../conformance/describe-receipt-store.ts';
export { describeSink } from '../conformance/describe-sink.ts';
export { CREATE_RECORDS, recordsFixture } from '../conformance/records-fixture.ts';
export { testDatabase } from './test-database.ts';

export type {
  ChangeSourceFixture,
  ChangeSourceHarness,
  RowStatement,
} from '../conformance/change-source-harness.ts';
export type {
  ReceiptStoreFixture,
  ReceiptStoreHarness,
} from '../conformance/describe-receipt-store.ts';
export type { SinkFixture, SinkHarness } from '../conformance/sink-harness.ts';
export type { SharedPostgres } from './shared-postgres.ts';
