import { SourceProtocolError } from '@certyo-cdc/core';
import { expectEnd, expectWithin, readCString } from './pgoutput.ts';

/**
 * Readers of the messages around transactions that are streamed in progress (protocol 2) or prepared (protocol 3), and of
 * logical messages.
 *
 * https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */

export const STREAM_START = 0x53;
export const STREAM_STOP = 0x45;
export const STREAM_COMMIT = 0x63;
export const STREAM_ABORT = 0x41;
export const STREAM_PREPARE = 0x70;
export const BEGIN_PREPARE = 0x62;
export const PREPARE = 0x50;
export const COMMIT_PREPARED = 0x4b;
export const ROLLBACK_PREPARED = 0x72;
export const MESSAGE = 0x4d;

export interface StreamStartMessage {
  readonly xid: number;
  /** True for the first piece of the transaction. */
  readonly isFirst: boolean;
}

export function readStreamStart(bytes: Buffer, at: number, end: number): StreamStartMessage {
  expectEnd(at + 6, end);
  return { xid: bytes.readUInt32BE(at + 1), isFirst: bytes[at + 5] === 1 };
}

/** How a transaction ended that was taken before its commit. */
export interface CommittedMessage {
  readonly xid: number;
  readonly commitLsn: bigint;
  /** The position to acknowledge. */
  readonly endLsn: bigint;
  readonly committedAt: bigint;
}

export function readStreamCommit(bytes: Buffer, at: number, end: number): CommittedMessage {
  expectEnd(at + 30, end);
  return {
    xid: bytes.readUInt32BE(at + 1),
    commitLsn: bytes.readBigUInt64BE(at + 6),
    endLsn: bytes.readBigUInt64BE(at + 14),
    committedAt: bytes.readBigInt64BE(at + 22),
  };
}

export interface StreamAbortMessage {
  readonly xid: number;
  /** The transaction itself when it is `xid`. */
  readonly subxid: number;
}

export function readStreamAbort(bytes: Buffer, at: number, end: number): StreamAbortMessage {
  expectEnd(at + 9, end);
  return { xid: bytes.readUInt32BE(at + 1), subxid: bytes.readUInt32BE(at + 5) };
}

export interface PrepareMessage {
  readonly xid: number;
  /** Where the record of PREPARE TRANSACTION begins: reading from here or before shows the transaction again. */
  readonly prepareLsn: bigint;
}

export function readBeginPrepare(bytes: Buffer, at: number, end: number): PrepareMessage {
  return prepareMessage(bytes, at + 1, end);
}

/** Reads the end of a prepared transaction, streamed or not. */
export function readPrepare(bytes: Buffer, at: number, end: number): PrepareMessage {
  return prepareMessage(bytes, at + 2, end);
}

function prepareMessage(bytes: Buffer, at: number, end: number): PrepareMessage {
  expectWithin(at + 28, end);
  expectEnd(readCString(bytes, at + 28, end).next, end);
  return { prepareLsn: bytes.readBigUInt64BE(at), xid: bytes.readUInt32BE(at + 24) };
}

export function readCommitPrepared(bytes: Buffer, at: number, end: number): CommittedMessage {
  expectWithin(at + 30, end);
  expectEnd(readCString(bytes, at + 30, end).next, end);
  return {
    commitLsn: bytes.readBigUInt64BE(at + 2),
    endLsn: bytes.readBigUInt64BE(at + 10),
    committedAt: bytes.readBigInt64BE(at + 18),
    xid: bytes.readUInt32BE(at + 26),
  };
}

export interface RollbackPreparedMessage {
  readonly xid: number;
  readonly endLsn: bigint;
}

export function readRollbackPrepared(
  bytes: Buffer,
  at: number,
  end: number,
): RollbackPreparedMessage {
  expectWithin(at + 38, end);
  expectEnd(readCString(bytes, at + 38, end).next, end);
  return { endLsn: bytes.readBigUInt64BE(at + 10), xid: bytes.readUInt32BE(at + 34) };
}

export interface LogicalMessageMessage {
  readonly transactional: boolean;
  /** Behind the message's record. */
  readonly lsn: bigint;
  readonly prefix: string;
  /** Within the message's own bytes. */
  readonly content: Buffer;
}

export function readLogicalMessage(bytes: Buffer, at: number, end: number): LogicalMessageMessage {
  expectWithin(at + 10, end);
  const prefix = readCString(bytes, at + 10, end);
  expectWithin(prefix.next + 4, end);
  const length = bytes.readUInt32BE(prefix.next);
  expectEnd(prefix.next + 4 + length, end);
  const flags = bytes[at + 1] ?? 0;
  if (flags > 1) throw new SourceProtocolError(`Logical message with the flags ${flags}.`);
  return {
    transactional: flags === 1,
    lsn: bytes.readBigUInt64BE(at + 2),
    prefix: prefix.text,
    content: bytes.subarray(prefix.next + 4, end),
  };
}
