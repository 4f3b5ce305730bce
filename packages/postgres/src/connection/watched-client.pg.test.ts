import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { connect } from './connect.ts';
import { resolveConnection } from './resolve-connection.ts';
import { queryText } from './text-query.ts';
import { destroyClient, withinDeadline } from './watched-client.ts';

describe(withinDeadline, () => {
  test('a statement in the moment in which the server ends the connection: the loss is named', async () => {
    await using db = await testDatabase();
    const { signal } = new AbortController();
    const client = await connect(resolveConnection(db.url), { signal });
    try {
      // The server has said so, and the socket is still open.
      const late = new Promise<unknown>((resolve) => {
        client.once('error', () => {
          withinDeadline(client, false, () => queryText(client, 'SELECT 1')).then(resolve, resolve);
        });
      });
      const { rows } = await queryText(client, 'SELECT pg_backend_pid()::text AS pid');
      await db.query('SELECT pg_terminate_backend($1)', [rows[0]?.['pid']]);
      expect(await late).toMatchObject({ code: 'SOURCE_UNREACHABLE', retryable: true });
    } finally {
      destroyClient(client);
    }
  });
});
