import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { notifications } from '../notifications/notifications.ts';
import { hasPgBouncer, startPgBouncer } from '../testing/pgbouncer.ts';
import { ListeningSession } from './listening-session.ts';

describe(ListeningSession, () => {
  test('N-07: is refused behind a real PgBouncer in transaction mode', async (context) => {
    if (!hasPgBouncer()) context.skip('There is no pgbouncer on the PATH.');
    await using database = await testDatabase();
    await using pooler = await startPgBouncer(database, 'transaction');
    await using stream = notifications({ connection: pooler.url, channels: ['a'], env: {} });
    await expect(stream.listening()).rejects.toMatchObject({
      code: 'SOURCE_SETUP',
      message: expect.stringContaining('PgBouncer in transaction mode'),
    });
  });

  test('works behind a real PgBouncer in session mode', async (context) => {
    if (!hasPgBouncer()) context.skip('There is no pgbouncer on the PATH.');
    await using database = await testDatabase();
    await using pooler = await startPgBouncer(database, 'session');
    await using stream = notifications({ connection: pooler.url, channels: ['a'], env: {} });
    await stream.listening();
    await database.query('NOTIFY a');
    expect((await stream.next()).value).toMatchObject({ type: 'notification', channel: 'a' });
  });
});
