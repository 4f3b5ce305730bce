import { startPostgres } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { payloadRig } from '../testing/payload-rig.ts';
import { payloadSource } from './payload-source.ts';

describe(payloadSource, () => {
  test('N-13: PREPARE TRANSACTION refuses what has notified, and the start says so', async () => {
    await using server = await startPostgres({ settings: { max_prepared_transactions: 5 } });
    await using it = await payloadRig({ db: await server.createDatabase() });
    await it.open();
    expect(it.events).toContainEqual(
      expect.objectContaining({ type: 'source-warned', code: 'NOTIFY_PREPARED' }),
    );
    const client = await it.db.client();
    await client.query(`BEGIN; INSERT INTO t VALUES (1, 'a')`);
    await expect(client.query(`PREPARE TRANSACTION 'p'`)).rejects.toThrow(/NOTIFY/);
  });
});
