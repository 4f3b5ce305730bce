import type { Lsn } from './lsn.ts';
import { pgTimeFromUnixMs } from './pg-time.ts';

/**
 * Builds a CopyData frame with a standby status update.
 *
 * `received` is reported as written, `acknowledged` as flushed and applied: only the flushed position lets the server
 * discard log. https://www.postgresql.org/docs/current/protocol-replication.html
 */
export function statusUpdateFrame(status: {
  readonly received: Lsn;
  readonly acknowledged: Lsn;
  readonly nowMs: number;
  readonly replyRequested: boolean;
}): Buffer {
  const frame = Buffer.allocUnsafe(39);
  frame[0] = 0x64; // 'd'
  frame.writeInt32BE(38, 1);
  frame[5] = 0x72; // 'r'
  frame.writeBigUInt64BE(status.received, 6);
  frame.writeBigUInt64BE(status.acknowledged, 14);
  frame.writeBigUInt64BE(status.acknowledged, 22);
  frame.writeBigInt64BE(pgTimeFromUnixMs(status.nowMs), 30);
  frame[38] = status.replyRequested ? 1 : 0;
  return frame;
}
