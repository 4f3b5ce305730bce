import type { SourceEvent } from '@certyo-cdc/core';
import { startPostgres } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { notifications } from '../notifications/notifications.ts';
import { oldMinorWarning } from './server-minor.ts';
import { Listener } from './listener.ts';
import { QueueWatch } from './queue-watch.ts';

const QUICK = { heartbeatMs: 50, reconnect: { minDelayMs: 10, maxDelayMs: 100 } };

describe(Listener, () => {
  test('N-05: warns once when the queue fills because a listener stays in a transaction', async () => {
    // The smallest queue there is: 64 pages.
    await using server = await startPostgres({ settings: { max_notify_queue_pages: 64 } });
    const events: SourceEvent[] = [];
    await using stream = notifications({
      connection: server.url,
      channels: ['a'],
      listener: QUICK,
      onEvent: (event) => void events.push(event),
      env: {},
    });
    await stream.listening();
    const stuck = await server.client();
    for (const sql of ['LISTEN b', 'BEGIN', 'SELECT 1']) await stuck.query(sql);
    await server.query(
      `SELECT pg_notify('b', x || repeat('x', 7900)) FROM generate_series(1, 20) AS x`,
    );
    await expect.poll(() => events).toMatchObject([{ code: 'NOTIFICATION_QUEUE' }]);
    await stuck.query('ROLLBACK');
  });

  test('N-09: a server that crashes takes its notifications along, and the listener comes back by itself', async () => {
    await using server = await startPostgres();
    await using stream = notifications({
      connection: server.url,
      channels: ['a'],
      listener: QUICK,
      env: {},
    });
    await stream.listening();
    await server.crash();
    await server.start();
    expect((await stream.next()).value).toMatchObject({ type: 'missed' });
    await server.query('NOTIFY a');
    expect((await stream.next()).value).toMatchObject({ type: 'notification', channel: 'a' });
  });

  test('refuses a standby, which delivers no notifications', async () => {
    await using primary = await startPostgres();
    await using standby = await startPostgres({ standbyOf: primary });
    await using stream = notifications({ connection: standby.url, channels: ['a'], env: {} });
    await expect(stream.listening()).rejects.toMatchObject({
      code: 'SOURCE_SETUP',
      message: expect.stringContaining('standby'),
    });
  });
});

describe(oldMinorWarning, () => {
  test.each([
    [180_002, null],
    [180_001, '18.2'],
    [150_015, '15.16'],
    [150_016, null],
    [130_022, 'still maintained'],
    [190_000, null],
  ])('N-10: %s', (version, advice) => {
    const warning = oldMinorWarning(version);
    if (advice === null) expect(warning).toBeNull();
    else expect(warning?.message).toContain(advice);
  });
});

describe(QueueWatch, () => {
  test('N-05: warns each time that the queue begins to fill', () => {
    const events: SourceEvent[] = [];
    const watch = new QueueWatch((event) => void events.push(event));
    for (const usage of [0, 0.1, 0.11, 0.5, 0.05, 0.2]) watch.saw(usage);
    expect(events.map((event) => (event.type === 'source-warned' ? event.message : ''))).toEqual([
      expect.stringContaining('11 % full'),
      expect.stringContaining('20 % full'),
    ]);
  });
});
