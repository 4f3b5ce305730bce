/**
 * Writes the body of `POST /records/bulk` around records that are JSON text already, so that no digit of a payload
 * passes through a JavaScript number.
 *
 * Assumption: the envelope is `{"records":[…]}`; each record names its tenant itself.
 */
export function encodeBulkRequest(records: readonly Uint8Array[]): Uint8Array {
  let length = OPEN.length + CLOSE.length + Math.max(0, records.length - 1);
  for (const record of records) length += record.length;
  const body = Buffer.allocUnsafe(length);
  let at = OPEN.copy(body);
  const first = at;
  for (const record of records) {
    if (at > first) body[at++] = COMMA;
    body.set(record, at);
    at += record.length;
  }
  CLOSE.copy(body, at);
  return body;
}

const OPEN = Buffer.from('{"records":[');
const CLOSE = Buffer.from(']}');
const COMMA = 0x2c;
