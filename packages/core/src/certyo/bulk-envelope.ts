/**
 * Writes the body of `POST /records/bulk` around records that are JSON text already, so that no digit of a payload
 * passes through a JavaScript number.
 *
 * Assumption: the envelope is `{"records":[…]}`; each record names its tenant itself.
 */
export function encodeBulkRequest(records: readonly string[]): string {
  return `{"records":[${records.join(',')}]}`;
}
