/**
 * Writes the body of `POST /records/bulk` around records that are JSON text already, so that no digit of a payload
 * passes through a JavaScript number.
 *
 * Assumption: the envelope is `{"records":[…]}`; each record names its tenant itself.
 */
export function encodeBulkRequest(records: readonly Uint8Array[]): Uint8Array {
  let length = OPEN.length + CLOSE.length + Math.max(0, records.length - 1);
  // By number: an iterator would be made an object for each record.
  for (let index = 0; index < records.length; index += 1) length += records[index]?.length ?? 0;
  const body = Buffer.allocUnsafe(length);
  let at = OPEN.copy(body);
  for (let index = 0; index < records.length; index += 1) {
    const record = records[index];
    if (record === undefined) break;
    if (index > 0) body[at++] = COMMA;
    body.set(record, at);
    at += record.length;
  }
  CLOSE.copy(body, at);
  return body;
}

const OPEN = Buffer.from('{"records":[');
const CLOSE = Buffer.from(']}');
const COMMA = 0x2c;
