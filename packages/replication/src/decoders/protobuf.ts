import { SourceProtocolError } from '@certyo-cdc/core';

/** One field of a message: a varint, eight or four bytes, or a piece of bytes. */
export interface ProtobufField {
  readonly number: number;
  readonly varint: bigint;
  readonly bytes: Buffer;
}

const NO_BYTES = Buffer.alloc(0);

/** Reads the fields of a message in order. https://protobuf.dev/programming-guides/encoding/ */
export function* readProtobuf(bytes: Buffer): Generator<ProtobufField> {
  let pos = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[pos];
      if (byte === undefined) break;
      pos += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw broken();
  };
  const take = (length: number): Buffer => {
    if (pos + length > bytes.length) throw broken();
    pos += length;
    return bytes.subarray(pos - length, pos);
  };
  while (pos < bytes.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    switch (tag & 7) {
      case 0:
        yield { number, varint: varint(), bytes: NO_BYTES };
        break;
      case 1:
        yield { number, varint: 0n, bytes: take(8) };
        break;
      case 2:
        yield { number, varint: 0n, bytes: take(Number(varint())) };
        break;
      case 5:
        yield { number, varint: 0n, bytes: take(4) };
        break;
      default:
        throw broken();
    }
  }
}

function broken(): SourceProtocolError {
  return new SourceProtocolError('decoderbufs sent something that is no protocol buffer.');
}
