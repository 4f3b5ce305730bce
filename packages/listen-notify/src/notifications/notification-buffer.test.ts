import { describe, expect, test } from 'vitest';
import { NotificationBuffer } from './notification-buffer.ts';
import type { NotificationItem } from './notification-item.ts';

function item(payload: number): NotificationItem {
  return { type: 'notification', channel: 'c', payload: String(payload), processId: 1 };
}

describe(NotificationBuffer, () => {
  test('gives what was put in, in order, however much', () => {
    const buffer = new NotificationBuffer({ maxBuffered: 5_000, whenFull: 'fail', nowMs: 0 });
    for (let each = 0; each < 5_000; each += 1) expect(buffer.push(item(each))).toBeNull();
    for (let each = 0; each < 5_000; each += 1) expect(buffer.take(1)).toEqual(item(each));
    expect(buffer.take(1)).toBeNull();
  });

  test('is full at its limit, counting only what waits', () => {
    const buffer = new NotificationBuffer({ maxBuffered: 2, whenFull: 'fail', nowMs: 0 });
    for (let each = 0; each < 10; each += 1) {
      buffer.push(item(each));
      expect(buffer.take(1)).toEqual(item(each));
    }
    buffer.push(item(1));
    buffer.push(item(2));
    expect(buffer.push(item(3))).toMatchObject({ code: 'NOTIFICATIONS_OVERFLOW' });
    expect([buffer.take(1), buffer.take(1), buffer.take(1)]).toEqual([item(1), item(2), null]);
  });

  test('puts one item into the place of all that wait, on request, and says since when', () => {
    const buffer = new NotificationBuffer({ maxBuffered: 2, whenFull: 'missed', nowMs: 5 });
    const missed = (sinceMs: number): NotificationItem => ({ type: 'missed', sinceMs });
    for (let each = 0; each < 3; each += 1) expect(buffer.push(item(each))).toBeNull();
    expect([buffer.take(9), buffer.take(9)]).toEqual([missed(5), null]);
    for (let each = 0; each < 9; each += 1) buffer.push(item(each));
    expect(buffer.take(10)).toEqual(missed(9));
    expect(buffer.push(missed(3))).toBeNull();
    for (let each = 0; each < 2; each += 1) buffer.push(item(each));
    expect([buffer.take(11), buffer.take(11)]).toEqual([missed(3), null]);
  });
});
