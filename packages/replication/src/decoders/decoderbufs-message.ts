import { SourceProtocolError } from '@certyo-cdc/core';
import { parseTableName, type QualifiedName } from '@certyo-cdc/postgres';
import type { Datum } from './decoderbufs-value.ts';
import { type ProtobufField, readProtobuf } from './protobuf.ts';

/** A column and its value. */
export interface DecoderbufsColumn {
  readonly name: string;
  readonly typeOid: number;
  /** As `format_type` prints it; empty where it was not told. */
  readonly typeName: string;
  readonly datum: Datum;
}

export type DecoderbufsOperation = 'insert' | 'update' | 'delete' | 'begin' | 'commit';

/** One message: https://github.com/debezium/postgres-decoderbufs/blob/main/proto/pg_logicaldec.proto */
export interface DecoderbufsMessage {
  readonly operation: DecoderbufsOperation;
  readonly xid: number;
  /** Microseconds since 1970. */
  readonly committedAt: bigint;
  readonly table: QualifiedName | null;
  readonly columns: readonly DecoderbufsColumn[];
  readonly oldColumns: readonly DecoderbufsColumn[];
}

const OPERATIONS: readonly DecoderbufsOperation[] = [
  'insert',
  'update',
  'delete',
  'begin',
  'commit',
];

/** Reads a RowMessage. */
export function readDecoderbufs(bytes: Buffer): DecoderbufsMessage {
  let xid = 0;
  let committedAt = 0n;
  let table: QualifiedName | null = null;
  let operation: DecoderbufsOperation | undefined;
  const columns: DecoderbufsColumn[] = [];
  const oldColumns: DecoderbufsColumn[] = [];
  const typeNames: string[] = [];
  for (const field of readProtobuf(bytes)) {
    if (field.number === 1) xid = Number(field.varint);
    else if (field.number === 2) committedAt = field.varint;
    else if (field.number === 3) table = parseTableName(field.bytes.toString('utf8'));
    else if (field.number === 4) operation = OPERATIONS[Number(field.varint)];
    else if (field.number === 5) columns.push(readColumn(field.bytes));
    else if (field.number === 6) oldColumns.push(readColumn(field.bytes));
    else if (field.number === 7) typeNames.push(readTypeName(field.bytes));
  }
  if (operation === undefined) {
    throw new SourceProtocolError('decoderbufs sent a message of an unknown operation.');
  }
  const isTyped = typeNames.length === columns.length;
  return {
    operation,
    xid,
    committedAt,
    table,
    columns: isTyped
      ? columns.map((column, i) => ({ ...column, typeName: typeNames[i] ?? '' }))
      : columns,
    oldColumns,
  };
}

function readTypeName(bytes: Buffer): string {
  for (const { bytes: text, number } of readProtobuf(bytes)) {
    if (number === 1) return text.toString('utf8');
  }
  return '';
}

function readColumn(bytes: Buffer): DecoderbufsColumn {
  let name = '';
  let typeOid = 0;
  let datum: Datum = { kind: 'null' };
  for (const field of readProtobuf(bytes)) {
    if (field.number === 1) name = unquoted(field.bytes.toString('utf8'));
    else if (field.number === 2) typeOid = Number(field.varint);
    else datum = readDatum(field);
  }
  return { name, typeOid, typeName: '', datum };
}

/** Names stand as in SQL. */
function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

function readDatum({ bytes, number, varint }: ProtobufField): Datum {
  switch (number) {
    case 3:
    case 4:
      return { kind: 'integer', value: BigInt.asIntN(64, varint) };
    case 5:
      return { kind: 'float', value: bytes.readFloatLE() };
    case 6:
      return { kind: 'double', value: bytes.readDoubleLE() };
    case 7:
      return { kind: 'bool', value: varint !== 0n };
    case 8:
    case 9:
      return { kind: 'text', bytes };
    case 10:
      return readPoint(bytes);
    case 11:
      return { kind: 'missing' };
    default:
      throw new SourceProtocolError(`decoderbufs sent a value of the unknown kind ${number}.`);
  }
}

function readPoint(bytes: Buffer): Datum {
  let x = 0;
  let y = 0;
  for (const field of readProtobuf(bytes)) {
    if (field.number === 1) x = field.bytes.readDoubleLE();
    else if (field.number === 2) y = field.bytes.readDoubleLE();
  }
  return { kind: 'point', x, y };
}
