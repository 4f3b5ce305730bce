import { SourceProtocolError } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';
import { cString, int32, int64, letter } from '../testing/messages.ts';
import * as ends from './pgoutput-transactions.ts';

const XID = 4_000_000_000;
const at = Buffer.concat([int64(0x1_0000_0002n), int64(0x1_0000_0030n), int64(-5n)]);
const gid = cString('it’s mine');

type Reader = (bytes: Buffer, at: number, end: number) => unknown;

const samples: readonly (readonly [string, Buffer, Reader, unknown])[] = [
  [
    'Stream Start',
    Buffer.concat([letter('S'), int32(XID), Buffer.from([1])]),
    ends.readStreamStart,
    { xid: XID, isFirst: true },
  ],
  [
    'Stream Commit',
    Buffer.concat([letter('c'), int32(XID), Buffer.from([0]), at]),
    ends.readStreamCommit,
    { xid: XID, commitLsn: 0x1_0000_0002n, endLsn: 0x1_0000_0030n, committedAt: -5n },
  ],
  [
    'Stream Abort',
    Buffer.concat([letter('A'), int32(XID), int32(7)]),
    ends.readStreamAbort,
    { xid: XID, subxid: 7 },
  ],
  [
    'Begin Prepare',
    Buffer.concat([letter('b'), at, int32(XID), gid]),
    ends.readBeginPrepare,
    { prepareLsn: 0x1_0000_0002n, xid: XID },
  ],
  [
    'Prepare',
    Buffer.concat([letter('P\0'), at, int32(XID), gid]),
    ends.readPrepare,
    { prepareLsn: 0x1_0000_0002n, xid: XID },
  ],
  [
    'Commit Prepared',
    Buffer.concat([letter('K\0'), at, int32(XID), gid]),
    ends.readCommitPrepared,
    { commitLsn: 0x1_0000_0002n, endLsn: 0x1_0000_0030n, committedAt: -5n, xid: XID },
  ],
  [
    'Rollback Prepared',
    Buffer.concat([letter('r\0'), at, int64(9n), int32(XID), gid]),
    ends.readRollbackPrepared,
    { endLsn: 0x1_0000_0030n, xid: XID },
  ],
  [
    'Message',
    Buffer.concat([
      letter('M\x01'),
      int64(0x1_0000_0002n),
      cString('app'),
      int32(2),
      letter('\0\xff'),
    ]),
    ends.readLogicalMessage,
    { transactional: true, lsn: 0x1_0000_0002n, prefix: 'app', content: letter('\0\xff') },
  ],
];

describe('R-31: messages around transactions', () => {
  test.each(samples)('%s is read', (_name, bytes, read, expected) => {
    expect(read(bytes, 0, bytes.length)).toEqual(expected);
    // Anywhere in a buffer.
    const within = Buffer.concat([letter('xyz'), bytes, letter('more')]);
    expect(read(within, 3, 3 + bytes.length)).toEqual(expected);
  });

  test.each(samples)(
    '%s, cut anywhere or with a byte too many, is refused',
    (_name, bytes, read) => {
      const followed = Buffer.concat([bytes, Buffer.alloc(64, 1)]);
      for (let end = 1; end < bytes.length; end += 1)
        expect(() => read(followed, 0, end), String(end)).toThrow(SourceProtocolError);
      expect(() => read(followed, 0, bytes.length + 1)).toThrow(SourceProtocolError);
    },
  );

  test('a message with flags that nobody knows is refused', () => {
    const bytes = Buffer.concat([letter('M\x03'), int64(1n), cString('app'), int32(0)]);
    expect(() => ends.readLogicalMessage(bytes, 0, bytes.length)).toThrow('flags 3');
  });

  test('the position that parallel streaming adds to Stream Abort is refused: nobody asked for it', () => {
    const bytes = Buffer.concat([letter('A'), int32(XID), int32(7), int64(1n), int64(2n)]);
    expect(() => ends.readStreamAbort(bytes, 0, bytes.length)).toThrow(SourceProtocolError);
  });
});
