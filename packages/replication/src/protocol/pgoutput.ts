import { SourceProtocolError } from '@certyo-cdc/core';
import type { Tuple } from '@certyo-cdc/postgres';
import type { SpanBlocks } from './span-blocks.ts';

/**
 * Readers of pgoutput's messages about rows and committed transactions, in place: nothing is copied, a tuple is a table of offsets into
 * the bytes it came in. Every reader gets the message's end and throws `SourceProtocolError` for a message that is
 * shorter or longer than it says, so that nothing is ever read from the message behind it.
 *
 * https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */

export const BEGIN = 0x42;
export const COMMIT = 0x43;
export const ORIGIN = 0x4f;
export const RELATION = 0x52;
export const TYPE = 0x59;
export const INSERT = 0x49;
export const UPDATE = 0x55;
export const DELETE = 0x44;
export const TRUNCATE = 0x54;

/** The length of a column whose value is null. */
export const NULL_VALUE = -1;
/** The length of a column that was not sent because it is unchanged TOAST. */
export const UNCHANGED_TOAST = -2;

const NEW_TUPLE = 0x4e;
const KEY_TUPLE = 0x4b;
const OLD_TUPLE = 0x4f;

export interface BeginMessage {
  readonly commitLsn: bigint;
  readonly committedAt: bigint;
  readonly xid: number;
}

export function readBegin(bytes: Buffer, at: number, end: number): BeginMessage {
  expectEnd(at + 21, end);
  return {
    commitLsn: bytes.readBigUInt64BE(at + 1),
    committedAt: bytes.readBigInt64BE(at + 9),
    xid: bytes.readUInt32BE(at + 17),
  };
}

export interface CommitMessage {
  readonly commitLsn: bigint;
  /** The position to acknowledge: everything up to here is part of this transaction or earlier ones. */
  readonly endLsn: bigint;
}

export function readCommit(bytes: Buffer, at: number, end: number): CommitMessage {
  expectEnd(at + 26, end);
  return { commitLsn: bytes.readBigUInt64BE(at + 2), endLsn: bytes.readBigUInt64BE(at + 10) };
}

export interface RelationColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** Part of the replica identity. */
  readonly inIdentity: boolean;
}

/** `d` default (primary key), `n` nothing, `f` full, `i` index. */
export type ReplicaIdentity = 'd' | 'n' | 'f' | 'i';

export interface RelationMessage {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly replicaIdentity: ReplicaIdentity;
  readonly columns: readonly RelationColumn[];
}

export function readRelation(bytes: Buffer, at: number, end: number): RelationMessage {
  expectWithin(at + 5, end);
  const oid = bytes.readUInt32BE(at + 1);
  const schema = readCString(bytes, at + 5, end);
  const name = readCString(bytes, schema.next, end);
  expectWithin(name.next + 3, end);
  const replicaIdentity = String.fromCharCode(bytes[name.next] ?? 0);
  if (!isReplicaIdentity(replicaIdentity)) {
    throw new SourceProtocolError(
      `Relation message of ${schema.text}.${name.text} has replica identity \`${replicaIdentity}\`.`,
    );
  }
  const count = bytes.readUInt16BE(name.next + 1);
  const columns: RelationColumn[] = [];
  let pos = name.next + 3;
  for (let i = 0; i < count; i++) {
    const inIdentity = ((bytes[pos] ?? 0) & 1) === 1;
    const column = readCString(bytes, pos + 1, end);
    expectWithin(column.next + 8, end);
    columns.push({
      name: column.text,
      typeOid: bytes.readUInt32BE(column.next),
      typeModifier: bytes.readInt32BE(column.next + 4),
      inIdentity,
    });
    pos = column.next + 8;
  }
  expectEnd(pos, end);
  // An empty namespace stands for pg_catalog.
  return { oid, schema: schema.text || 'pg_catalog', name: name.text, replicaIdentity, columns };
}

export interface TruncateMessage {
  readonly oids: readonly number[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
}

export function readTruncate(bytes: Buffer, at: number, end: number): TruncateMessage {
  expectWithin(at + 6, end);
  const count = bytes.readUInt32BE(at + 1);
  expectEnd(at + 6 + 4 * count, end);
  const flags = bytes[at + 5] ?? 0;
  const oids: number[] = [];
  for (let i = 0; i < count; i++) oids.push(bytes.readUInt32BE(at + 6 + 4 * i));
  return { oids, cascade: (flags & 1) !== 0, restartIdentity: (flags & 2) !== 0 };
}

/** The relation's oid in an insert, update or delete. */
export function readRowOid(bytes: Buffer, at: number, end: number): number {
  expectWithin(at + 6, end);
  return bytes.readUInt32BE(at + 1);
}

export interface RowMessage {
  /** As it came: columns outside of a key are null. */
  readonly before: Tuple | null;
  /** True when the old tuple carries only the replica identity's columns. */
  readonly beforeIsKey: boolean;
  readonly after: Tuple | null;
}

/** Reads the tuples of an insert, update or delete that begins at `at`. */
export function readRow(bytes: Buffer, at: number, end: number, blocks: SpanBlocks): RowMessage {
  expectWithin(at + 6, end);
  const tag = bytes[at + 5];
  if (tag === NEW_TUPLE && bytes[at] !== DELETE) {
    const after = readTuple(bytes, at + 6, end, blocks);
    expectEnd(tupleEnd(after, at + 6), end);
    return { before: null, beforeIsKey: false, after };
  }
  if ((tag !== KEY_TUPLE && tag !== OLD_TUPLE) || bytes[at] === INSERT) throw unexpectedTuple(tag);
  const before = readTuple(bytes, at + 6, end, blocks);
  const beforeIsKey = tag === KEY_TUPLE;
  const next = tupleEnd(before, at + 6);
  if (bytes[at] === DELETE) {
    expectEnd(next, end);
    return { before, beforeIsKey, after: null };
  }
  expectWithin(next + 1, end);
  if (bytes[next] !== NEW_TUPLE) throw unexpectedTuple(bytes[next]);
  const after = readTuple(bytes, next + 1, end, blocks);
  expectEnd(tupleEnd(after, next + 1), end);
  return { before, beforeIsKey, after };
}

function readTuple(bytes: Buffer, at: number, end: number, blocks: SpanBlocks): Tuple {
  expectWithin(at + 2, end);
  const columns = bytes.readUInt16BE(at);
  // Each has at least the byte of its kind: no memory for columns that a broken message only claims.
  expectWithin(at + 2 + columns, end);
  const first = blocks.take(columns * 2);
  const { spans } = blocks;
  let pos = at + 2;
  for (let i = first; i < first + columns * 2; i += 2) {
    expectWithin(pos + 1, end);
    const kind = bytes[pos++];
    if (kind === 0x74) {
      expectWithin(pos + 4, end);
      const length =
        ((bytes[pos] as number) << 24) |
        ((bytes[pos + 1] as number) << 16) |
        ((bytes[pos + 2] as number) << 8) |
        (bytes[pos + 3] as number);
      pos += 4;
      // A negative length would pass for one of the markers.
      if (length < 0) throw brokenMessage();
      expectWithin(pos + length, end);
      spans[i] = pos;
      spans[i + 1] = length;
      pos += length;
    } else if (kind === 0x6e) {
      spans[i + 1] = NULL_VALUE;
    } else if (kind === 0x75) {
      spans[i + 1] = UNCHANGED_TOAST;
    } else {
      throw new SourceProtocolError(`Column of kind ${String(kind)} in a pgoutput tuple.`);
    }
  }
  return { bytes, spans, first, columns };
}

/** The end of a tuple that has been read: behind its last value that is not a marker, a byte for each marker. */
function tupleEnd({ columns, first, spans }: Tuple, at: number): number {
  let markers = 0;
  for (let i = first + columns * 2 - 2; i >= first; i -= 2) {
    const length = spans[i + 1] ?? 0;
    if (length >= 0) return (spans[i] ?? 0) + length + markers;
    markers += 1;
  }
  return at + 2 + markers;
}

export function readCString(
  bytes: Buffer,
  at: number,
  end: number,
): { readonly text: string; readonly next: number } {
  const stop = bytes.indexOf(0, at);
  if (stop < 0 || stop >= end) throw brokenMessage();
  return { text: bytes.toString('utf8', at, stop), next: stop + 1 };
}

export function expectWithin(pos: number, end: number): void {
  if (pos > end) throw brokenMessage();
}

export function expectEnd(pos: number, end: number): void {
  if (pos !== end) throw brokenMessage();
}

function brokenMessage(): SourceProtocolError {
  return new SourceProtocolError('A pgoutput message does not have the length that its parts say.');
}

function isReplicaIdentity(letter: string): letter is ReplicaIdentity {
  return letter === 'd' || letter === 'n' || letter === 'f' || letter === 'i';
}

function unexpectedTuple(tag: number | undefined): SourceProtocolError {
  return new SourceProtocolError(`Tuple of kind ${String(tag)} in a pgoutput message.`);
}
