import { decodeBulkAnswer, type BulkItem, type BulkVerdict } from './bulk-answer.ts';
import { encodeBulkRequest } from './bulk-envelope.ts';
import { findRecord, type FoundRecord } from './find-record.ts';
import { encodeVerifyRequest, type VerifyRecordRequest } from './verify-body.ts';
import type { JsonValue } from '../event/json.ts';

/** The parts that the API's public documentation leaves open. Each can be replaced on its own. */
export interface CertyoCodecs {
  /**
   * Writes the body of `POST /records/bulk`.
   *
   * @param records The bodies of the records, as JSON text in UTF-8.
   */
  readonly encodeBulk: (records: readonly Uint8Array[], tenantId: string) => Uint8Array;
  /** Reads the answer of `POST /records/bulk`: one verdict per item, in the order of the items. */
  readonly decodeBulk: (answer: JsonValue, items: readonly BulkItem[]) => readonly BulkVerdict[];
  /** Makes the body of `POST /verify/record`. */
  readonly encodeVerify: (request: VerifyRecordRequest, tenantId: string) => JsonValue;
  /** Looks for one version of a record in the answer of `GET /records`. */
  readonly findRecord: (answer: JsonValue, item: BulkItem) => FoundRecord;
}

/** What this library assumes until the API says otherwise. */
export const defaultCodecs: CertyoCodecs = Object.freeze({
  encodeBulk: encodeBulkRequest,
  decodeBulk: decodeBulkAnswer,
  encodeVerify: encodeVerifyRequest,
  findRecord,
});
