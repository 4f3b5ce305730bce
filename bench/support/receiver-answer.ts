const HASH = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0bb822cd15d6c15b0f00a0';
const ACCEPTED_AT = '2026-01-01T00:00:00.000Z';

/** What the receiver answers to every record, of whatever request. */
const ACCEPTED = `"recordHash":"${HASH}","acceptedAt":"${ACCEPTED_AT}","idempotencyReplayed":false`;

/** Its answer to one record of a bulk request. */
export function acceptedEntry(index: number): string {
  return `{"index":${index},"status":"accepted",${ACCEPTED}}`;
}

/** Its answer to a request with one record; the id is the text of a JSON string. */
export function acceptedRecord(recordId: string): string {
  return `{"recordId":"${recordId}",${ACCEPTED}}`;
}
