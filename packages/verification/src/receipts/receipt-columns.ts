import type { Receipt } from '@certyo-cdc/core';
import type { SqlParameter } from '@certyo-cdc/postgres';

import { AcceptedTimes } from './accepted-time.ts';
import { type ArrayWriter, binaryArray } from './binary-array.ts';
import { recordKey } from './record-key.ts';

/** The usual lengths, bytes; longer ones cost a copy. */
const USUAL = Object.freeze({ version: 48, recordId: 24, eventId: 96, recordHash: 72 });

/**
 * The parameters of `storeSql` without the last: one array per column. No object is made per row. `mayRepeat`: some may be there
 * under another time.
 *
 * @param tableIds The ids of the receipts' table versions, in their order.
 */
export function receiptColumns(
  receipts: readonly Receipt[],
  tableIds: readonly number[],
  nowMs: number,
): { readonly columns: readonly SqlParameter[]; readonly mayRepeat: boolean } {
  const times = new AcceptedTimes(nowMs);
  const texts = (usual: number, read: (receipt: Receipt) => string | null): Buffer =>
    binaryArray('text', receipts, usual, (writer, receipt) => writeText(writer, read(receipt)));
  const isUnsure = ({ acceptedAt, replayed }: Receipt): boolean =>
    replayed || !times.isGiven(acceptedAt);
  const columns = [
    binaryArray('uuid', receipts, 16, (writer, receipt) => writer.hex(recordKey(receipt))),
    texts(USUAL.version, (receipt) => receipt.recordVersion),
    binaryArray('timestamptz', receipts, 8, (writer, receipt) =>
      writer.time(times.read(receipt.acceptedAt)),
    ),
    binaryArray('int4', tableIds, 4, (writer, id) => writer.int4(id)),
    texts(USUAL.recordId, (receipt) => receipt.recordId),
    texts(6, (receipt) => receipt.operationType),
    texts(USUAL.eventId, (receipt) => receipt.eventId),
    texts(USUAL.recordHash, (receipt) => receipt.recordHash),
    binaryArray('bytea', receipts, 32, (writer, receipt) => writer.hex(receipt.payloadFingerprint)),
    binaryArray('bool', receipts, 1, (writer, receipt) => writer.bool(receipt.replayed)),
    binaryArray('bool', receipts, 1, (writer, receipt) => writer.bool(isUnsure(receipt))),
  ];
  return { columns, mayRepeat: receipts.some(isUnsure) };
}

function writeText(writer: ArrayWriter, text: string | null): void {
  if (text === null) writer.null();
  else writer.text(text);
}
