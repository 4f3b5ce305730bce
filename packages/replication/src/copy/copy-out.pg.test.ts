import { connect, destroyClient, resolveConnection } from '@certyo-cdc/postgres';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { copyOut } from './copy-out.ts';

describe('copyOut', () => {
  test('rejects on a connection that was lost before, and waits for nothing', async () => {
    await using db = await testDatabase();
    const { signal } = new AbortController();
    const client = await connect(resolveConnection(db.url), { signal });
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    destroyClient(client);
    await ended;
    const options = { columns: 1, maxBufferedBytes: 65_536, maxMessageBytes: 65_536, signal };
    await expect(
      copyOut(client, 'COPY (SELECT 1) TO STDOUT', options).next(),
    ).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
    });
  });
});
