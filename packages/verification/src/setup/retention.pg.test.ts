import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { postgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import { receipt } from '../testing/receipts.ts';

const { signal } = new AbortController();

describe('the retention of receipts', () => {
  test('I1: a receipt that is stored while its partition is about to go keeps it', async () => {
    await using database = await testDatabase();
    const connection = database.url;
    await using store = postgresReceiptStore({ connection, partition: 'day', retentionDays: 10 });
    await store.setup({ signal });
    await database.query(
      `CREATE TABLE certyo.receipts_old PARTITION OF certyo.receipts FOR VALUES FROM (current_date - 15) TO (current_date - 14);
       INSERT INTO certyo.receipt_partitions VALUES ('receipts_old', current_date - 15, current_date - 14)`,
    );
    await store.store([receipt('new')], { signal });
    const client = await database.client();
    // What the API has accepted long ago is stored now, because it was asked about.
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO certyo.receipts SELECT (r).* FROM (SELECT jsonb_populate_record(r, jsonb_build_object('record_id', 'late',
         'accepted_at', (current_date - 15) + interval '1 hour')) AS r FROM certyo.receipts AS r) AS r`,
    );
    const maintained = store.maintain({ signal });
    await expect
      .poll(() =>
        database.query(
          "SELECT 1 AS waits FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        ),
      )
      .toHaveLength(1);
    await client.query('COMMIT');
    expect(await maintained).toEqual([]);
    const kept = await database.query('SELECT record_id FROM certyo.receipts ORDER BY 1');
    expect(kept).toEqual([{ record_id: 'late' }, { record_id: 'new' }]);
    // When it is finished its partition goes.
    await database.query("UPDATE certyo.receipts SET state = 'anchored'");
    expect(await store.maintain({ signal })).toEqual(['-receipts_old']);
    expect(await store.find([receipt('new')], { signal })).not.toContain(null);
  });
});
