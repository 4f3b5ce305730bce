import type { ChangeEvent } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';
import { StreamedXids } from './streamed-xids.ts';
import { XidSnapshot } from './xid-snapshot.ts';

function eventOf(xid: number | null): ChangeEvent {
  const transaction = xid === null ? null : { xid: String(xid) };
  return { operation: 'insert', transaction } as unknown as ChangeEvent;
}

describe(StreamedXids, () => {
  test('R-28: remembers what was streamed until a snapshot shows it', () => {
    const streamed = new StreamedXids();
    streamed.add(7);
    streamed.saw([eventOf(8), eventOf(8), eventOf(null), eventOf(9)]);
    expect(streamed.unconfirmed).toEqual([7, 8, 9]);
    streamed.confirm(new XidSnapshot('8:10:8'));
    expect(streamed.unconfirmed).toEqual([8]);
    streamed.confirm(new XidSnapshot('10:10:'));
    expect(streamed.unconfirmed).toEqual([]);
  });

  test('a stream that is far behind takes no memory: what the newest chunk shows is not remembered', () => {
    const streamed = new StreamedXids();
    streamed.confirm(new XidSnapshot('1000000:1000000:'));
    for (let xid = 3; xid < 200_000; xid++) streamed.saw([eventOf(xid)]);
    streamed.saw([eventOf(1_000_000)]);
    expect(streamed.unconfirmed).toEqual([1_000_000]);
  });

  test('ids that have wrapped around are newer than those before', () => {
    const streamed = new StreamedXids();
    streamed.confirm(new XidSnapshot('4294967290:4294967290:'));
    streamed.saw([eventOf(4_294_967_289), eventOf(5)]);
    expect(streamed.unconfirmed).toEqual([5]);
    streamed.confirm(new XidSnapshot('4294967302:4294967302:'));
    expect(streamed.unconfirmed).toEqual([]);
  });

  test('at another server the same ids are other transactions', () => {
    const streamed = new StreamedXids();
    streamed.confirm(new XidSnapshot('100:100:'));
    streamed.interrupted();
    streamed.saw([eventOf(50)]);
    expect(streamed.unconfirmed).toEqual([50]);
  });
});
