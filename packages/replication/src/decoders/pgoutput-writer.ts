import { Buffer } from 'node:buffer';
import type { RelationMessage } from '../protocol/pgoutput.ts';

/**
 * Writers of pgoutput's messages, for plugins that say the same in other words: what they send is written as pgoutput
 * would have sent it, and from there on everything is one.
 *
 * https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */

/** A value as PostgreSQL's text, null, or `undefined` for one that was not sent. */
export type ValueText = string | null | undefined;

/** When a transaction was committed. */
export interface CommitPlace {
  readonly commitLsn: bigint;
  readonly endLsn: bigint;
  /** Microseconds since 2000-01-01. */
  readonly committedAt: bigint;
}

export function writeBegin(xid: number, { commitLsn, committedAt }: CommitPlace): Buffer {
  return Buffer.concat([letter('B'), int64(commitLsn), int64(committedAt), int32(xid)]);
}

export function writeCommit({ commitLsn, committedAt, endLsn }: CommitPlace): Buffer {
  return Buffer.concat([letter('C\0'), int64(commitLsn), int64(endLsn), int64(committedAt)]);
}

export function writeRelation(relation: RelationMessage): Buffer {
  return Buffer.concat([
    letter('R'),
    int32(relation.oid),
    cString(relation.schema),
    cString(relation.name),
    letter(relation.replicaIdentity),
    int16(relation.columns.length),
    ...relation.columns.flatMap((column) => [
      Buffer.from([column.inIdentity ? 1 : 0]),
      cString(column.name),
      int32(column.typeOid),
      int32(column.typeModifier),
    ]),
  ]);
}

/** The old row of a change: the whole one, or its key, with nulls for the other columns. */
export interface OldRow {
  readonly isKey: boolean;
  readonly values: readonly ValueText[];
}

export function writeInsert(oid: number, values: readonly ValueText[]): Buffer {
  return Buffer.concat([letter('I'), int32(oid), letter('N'), tuple(values)]);
}

export function writeUpdate(oid: number, old: OldRow | null, values: readonly ValueText[]): Buffer {
  const before = old === null ? [] : [letter(old.isKey ? 'K' : 'O'), tuple(old.values)];
  return Buffer.concat([letter('U'), int32(oid), ...before, letter('N'), tuple(values)]);
}

export function writeDelete(oid: number, old: OldRow): Buffer {
  return Buffer.concat([letter('D'), int32(oid), letter(old.isKey ? 'K' : 'O'), tuple(old.values)]);
}

export function writeTruncate(oid: number): Buffer {
  return Buffer.concat([letter('T'), int32(1), Buffer.from([0]), int32(oid)]);
}

export function writeMessage(message: {
  readonly isTransactional: boolean;
  readonly lsn: bigint;
  readonly prefix: string;
  readonly content: string;
}): Buffer {
  const content = Buffer.from(message.content);
  return Buffer.concat([
    letter('M'),
    Buffer.from([message.isTransactional ? 1 : 0]),
    int64(message.lsn),
    cString(message.prefix),
    int32(content.length),
    content,
  ]);
}

/** The beginning of a transaction that is sent before its commit, in one piece. */
export function writeStreamStart(xid: number): Buffer {
  return Buffer.concat([letter('S'), int32(xid), Buffer.from([1])]);
}

export function writeStreamStop(): Buffer {
  return letter('E');
}

export function writeStreamCommit(
  xid: number,
  { commitLsn, committedAt, endLsn }: CommitPlace,
): Buffer {
  const place = [int64(commitLsn), int64(endLsn), int64(committedAt)];
  return Buffer.concat([letter('c'), int32(xid), letter('\0'), ...place]);
}

/** A message as it stands within a transaction that is sent before its commit: its kind, then whose it is. */
export function streamed(xid: number, message: Buffer): Buffer {
  return Buffer.concat([message.subarray(0, 1), int32(xid), message.subarray(1)]);
}

/** The head of XLogData: where the message was written, the end of the log, the server's clock. */
export type FrameHead = Buffer;

/** A CopyData frame with XLogData; its head is 24 bytes. */
export function writeXLogData(head: FrameHead, message: Buffer): Buffer {
  return Buffer.concat([letter('d'), int32(message.length + 29), letter('w'), head, message]);
}

/** A CopyData frame with a keepalive that asks for no answer. */
export function writeKeepalive(walEnd: bigint): Buffer {
  const tail = [letter('k'), int64(walEnd), int64(0n), Buffer.from([0])];
  return Buffer.concat([letter('d'), int32(22), ...tail]);
}

function tuple(values: readonly ValueText[]): Buffer {
  return Buffer.concat([int16(values.length), ...values.flatMap(column)]);
}

function column(value: ValueText): readonly Buffer[] {
  if (value === undefined) return [letter('u')];
  if (value === null) return [letter('n')];
  const text = Buffer.from(value);
  return [letter('t'), int32(text.length), text];
}

function letter(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
