import { SourceProtocolError } from '@certyo-cdc/core';

/**
 * Readers of pgoutput's messages, protocol version 1, in place: nothing is copied, a tuple is a table of offsets into
 * the bytes it came in. https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
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
export const MESSAGE = 0x4d;

/** The length of a column whose value is null. */
export const NULL_VALUE = -1;
/** The length of a column that was not sent because it is unchanged TOAST. */
export const UNCHANGED_TOAST = -2;

const NEW_TUPLE = 0x4e;
const KEY_TUPLE = 0x4b;
const OLD_TUPLE = 0x4f;

/** `spans[2i]` is the offset of column i in the message's bytes, `spans[2i+1]` its length or one of the markers. */
export type TupleSpans = Int32Array;

export interface BeginMessage {
  readonly commitLsn: bigint;
  readonly committedAt: bigint;
  readonly xid: number;
}

export function readBegin(bytes: Buffer, at: number): BeginMessage {
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

export function readCommit(bytes: Buffer, at: number): CommitMessage {
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

export function readRelation(bytes: Buffer, at: number): RelationMessage {
  const oid = bytes.readUInt32BE(at + 1);
  const schema = readCString(bytes, at + 5);
  const name = readCString(bytes, schema.next);
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
    const column = readCString(bytes, pos + 1);
    columns.push({
      name: column.text,
      typeOid: bytes.readUInt32BE(column.next),
      typeModifier: bytes.readInt32BE(column.next + 4),
      inIdentity,
    });
    pos = column.next + 8;
  }
  // An empty namespace stands for pg_catalog.
  return { oid, schema: schema.text || 'pg_catalog', name: name.text, replicaIdentity, columns };
}

export interface TruncateMessage {
  readonly oids: readonly number[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
}

export function readTruncate(bytes: Buffer, at: number): TruncateMessage {
  const count = bytes.readUInt32BE(at + 1);
  const flags = bytes[at + 5] ?? 0;
  const oids: number[] = [];
  for (let i = 0; i < count; i++) oids.push(bytes.readUInt32BE(at + 6 + 4 * i));
  return { oids, cascade: (flags & 1) !== 0, restartIdentity: (flags & 2) !== 0 };
}

/** The relation's oid in an insert, update or delete. */
export function readRowOid(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at + 1);
}

export interface RowMessage {
  readonly oldSpans: TupleSpans | null;
  /** True when the old tuple carries only the replica identity's columns. */
  readonly oldIsKey: boolean;
  readonly newSpans: TupleSpans | null;
}

/** Reads the tuples of an insert, update or delete that begins at `at`. */
export function readRow(bytes: Buffer, at: number): RowMessage {
  const tag = bytes[at + 5];
  if (tag === NEW_TUPLE) {
    return { oldSpans: null, oldIsKey: false, newSpans: readTuple(bytes, at + 6) };
  }
  if (tag !== KEY_TUPLE && tag !== OLD_TUPLE) throw unexpectedTuple(tag);
  const oldSpans = readTuple(bytes, at + 6);
  const oldIsKey = tag === KEY_TUPLE;
  if (bytes[at] === DELETE) return { oldSpans, oldIsKey, newSpans: null };
  const next = tupleEnd(oldSpans, bytes, at + 6);
  if (bytes[next] !== NEW_TUPLE) throw unexpectedTuple(bytes[next]);
  return { oldSpans, oldIsKey, newSpans: readTuple(bytes, next + 1) };
}

function readTuple(bytes: Buffer, at: number): TupleSpans {
  const count = bytes.readUInt16BE(at);
  const spans = new Int32Array(count * 2);
  let pos = at + 2;
  for (let i = 0; i < count; i++) {
    const kind = bytes[pos++];
    if (kind === 0x74) {
      const length = bytes.readInt32BE(pos);
      pos += 4;
      spans[2 * i] = pos;
      spans[2 * i + 1] = length;
      pos += length;
    } else if (kind === 0x6e) {
      spans[2 * i + 1] = NULL_VALUE;
    } else if (kind === 0x75) {
      spans[2 * i + 1] = UNCHANGED_TOAST;
    } else {
      throw new SourceProtocolError(`Column of kind ${String(kind)} in a pgoutput tuple.`);
    }
  }
  return spans;
}

function tupleEnd(spans: TupleSpans, bytes: Buffer, at: number): number {
  let pos = at + 2;
  for (let i = 1; i < spans.length; i += 2) {
    const length = spans[i] ?? 0;
    pos += length < 0 ? 1 : 5 + length;
  }
  if (pos > bytes.length)
    throw new SourceProtocolError('A pgoutput tuple ends beyond its message.');
  return pos;
}

function readCString(bytes: Buffer, at: number): { readonly text: string; readonly next: number } {
  const end = bytes.indexOf(0, at);
  if (end < 0) throw new SourceProtocolError('A name in a pgoutput message does not end.');
  return { text: bytes.toString('utf8', at, end), next: end + 1 };
}

function isReplicaIdentity(letter: string): letter is ReplicaIdentity {
  return letter === 'd' || letter === 'n' || letter === 'f' || letter === 'i';
}

function unexpectedTuple(tag: number | undefined): SourceProtocolError {
  return new SourceProtocolError(`Tuple of kind ${String(tag)} in a pgoutput message.`);
}
