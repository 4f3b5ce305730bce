/** Bytes of pgoutput messages and of the frames around them, made by hand from the protocol's description. */

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

export function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

export function letter(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** A value as text, null, or `undefined` for unchanged TOAST. */
export type Value = string | null | undefined;

export function tuple(values: readonly Value[]): Buffer {
  return Buffer.concat([
    int16(values.length),
    ...values.map((value) => {
      if (value === null) return letter('n');
      if (value === undefined) return letter('u');
      const text = Buffer.from(value);
      return Buffer.concat([letter('t'), int32(text.length), text]);
    }),
  ]);
}

export function begin(commitLsn: bigint, xid = 7, committedAt = 0n): Buffer {
  return Buffer.concat([letter('B'), int64(commitLsn), int64(committedAt), int32(xid)]);
}

export function commit(commitLsn: bigint, endLsn: bigint): Buffer {
  return Buffer.concat([letter('C\0'), int64(commitLsn), int64(endLsn), int64(0n)]);
}

export function relation(
  oid: number,
  columns: readonly { readonly name: string; readonly type?: number; readonly key?: boolean }[],
  options: { readonly schema?: string; readonly name?: string; readonly identity?: string } = {},
): Buffer {
  const { schema = 'public', name = 't', identity = 'd' } = options;
  return Buffer.concat([
    letter('R'),
    int32(oid),
    cString(schema),
    cString(name),
    letter(identity),
    int16(columns.length),
    ...columns.flatMap((column) => [
      Buffer.from([column.key === true ? 1 : 0]),
      cString(column.name),
      int32(column.type ?? 25),
      int32(-1),
    ]),
  ]);
}

export function insert(oid: number, values: readonly Value[]): Buffer {
  return Buffer.concat([letter('I'), int32(oid), letter('N'), tuple(values)]);
}

export function update(
  oid: number,
  values: readonly Value[],
  old?: { readonly kind: 'K' | 'O'; readonly values: readonly Value[] },
): Buffer {
  return Buffer.concat([
    letter('U'),
    int32(oid),
    ...(old === undefined ? [] : [letter(old.kind), tuple(old.values)]),
    letter('N'),
    tuple(values),
  ]);
}

export function remove(oid: number, kind: 'K' | 'O', values: readonly Value[]): Buffer {
  return Buffer.concat([letter('D'), int32(oid), letter(kind), tuple(values)]);
}

export function truncate(oids: readonly number[], flags = 0): Buffer {
  return Buffer.concat([letter('T'), int32(oids.length), Buffer.from([flags]), ...oids.map(int32)]);
}

export function frame(kind: string, body: Buffer): Buffer {
  return Buffer.concat([letter(kind), int32(body.length + 4), body]);
}

/** A CopyData frame with XLogData. */
export function xlogData(message: Buffer, start = 0n): Buffer {
  return frame('d', Buffer.concat([letter('w'), int64(start), int64(start), int64(0n), message]));
}

export function keepalive(walEnd: bigint, replyRequested = false): Buffer {
  return frame(
    'd',
    Buffer.concat([letter('k'), int64(walEnd), int64(0n), Buffer.from([replyRequested ? 1 : 0])]),
  );
}
