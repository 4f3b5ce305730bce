import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const CASTAGNOLI = 0x82f6_3b78;

const CRC_TABLE: readonly number[] = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ CASTAGNOLI : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C of all prefixes: `result[n]` is that of the first n bytes. */
function prefixChecksums(bytes: Buffer): number[] {
  let crc = 0xffff_ffff;
  const sums = [0];
  for (const byte of bytes) {
    crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0);
    sums.push((crc ^ 0xffff_ffff) >>> 0);
  }
  return sums;
}

/** pg_control ends with a checksum of what is before it; where that is depends on the version. */
const CONTROL_BYTES = 512;
/** The flag in a WAL page's header that says that the long header, with the identifier, is used. */
const LONG_HEADER = 0x0002;
const IDENTIFIER_OFFSET_IN_WAL = 24;

/** Where the checksum of a pg_control is, found by computing it. */
function checksumOffset(control: Buffer): number {
  const sums = prefixChecksums(control.subarray(0, CONTROL_BYTES));
  const offset = sums.findIndex(
    (sum, length) => length >= 64 && length % 4 === 0 && control.readUInt32LE(length) === sum,
  );
  if (offset === -1) throw new Error('pg_control has no checksum where one was looked for.');
  return offset;
}

/**
 * Gives a data directory that has never been started an identifier of its own, as initdb would.
 * Copies of one template would otherwise pass for the same server, and a foreign checkpoint for one's own.
 */
export async function renewSystemIdentifier(data: string): Promise<void> {
  const identifier = Buffer.concat([randomBytes(4), Buffer.alloc(4)]);
  // The upper half is the time of the cluster's birth.
  identifier.writeUInt32LE(Math.floor(Date.now() / 1000), 4);
  const controlFile = join(data, 'global', 'pg_control');
  const control = await readFile(controlFile);
  const offset = checksumOffset(control);
  identifier.copy(control, 0);
  const sum = prefixChecksums(control.subarray(0, offset)).at(-1) ?? 0;
  control.writeUInt32LE(sum, offset);
  await writeFile(controlFile, control);
  for (const name of await readdir(join(data, 'pg_wal'))) {
    if (!/^[0-9A-F]{24}$/.test(name)) continue;
    await using segment = await open(join(data, 'pg_wal', name), 'r+');
    const header = Buffer.alloc(4);
    await segment.read(header, 0, header.length, 0);
    if ((header.readUInt16LE(2) & LONG_HEADER) === 0) continue;
    await segment.write(identifier, 0, identifier.length, IDENTIFIER_OFFSET_IN_WAL);
  }
}
