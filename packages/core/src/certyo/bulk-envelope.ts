import { Buffer } from 'node:buffer';

import type { CertyoItem } from './certyo-item.ts';
import { bodyLength, WrittenRecord } from './written-record.ts';

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

/** `encodeBulkRequest` of items. What lies together in memory, with its commas, is copied in one piece. */
export function encodeItems(items: readonly CertyoItem[]): Uint8Array {
  let length = OPEN.length + CLOSE.length + Math.max(0, items.length - 1);
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    if (item !== undefined) length += bodyLength(item);
  }
  const body = Buffer.allocUnsafe(length);
  let at = OPEN.copy(body);
  let index = 0;
  while (index < items.length) {
    const item = items[index];
    if (item === undefined) break;
    if (index > 0) body[at++] = COMMA;
    index += 1;
    if (item instanceof WrittenRecord) {
      const { slab, start } = item;
      let end = start + item.length;
      for (; index < items.length; index += 1) {
        const next = items[index];
        if (!(next instanceof WrittenRecord) || next.slab !== slab || next.start !== end + 1) break;
        end += 1 + next.length;
      }
      at += slab.copy(body, at, start, end);
    } else at += item.body.copy(body, at);
  }
  CLOSE.copy(body, at);
  return body;
}

const OPEN = Buffer.from('{"records":[');
const CLOSE = Buffer.from(']}');
const COMMA = 0x2c;
