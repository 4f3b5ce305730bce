import { describe, expect, test } from 'vitest';

import { writtenBack } from '../testing/written-back.ts';

const { signal } = new AbortController();

const PARTITIONED = `CREATE TABLE public.items (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);
  CREATE TABLE public.low PARTITION OF public.items FOR VALUES FROM (0) TO (10);
  CREATE TABLE public.high PARTITION OF public.items FOR VALUES FROM (10) TO (100) PARTITION BY LIST (id);
  CREATE TABLE public."High er" PARTITION OF public.high DEFAULT;`;

describe('write-back into partitioned tables', () => {
  test('V-04: what the stream shows of old rows is settled by the partitions, not by their table', async () => {
    await using it = await writtenBack(PARTITIONED);
    const writeBack = await it.make();
    const error: unknown = await writeBack.plan({ signal }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: 'WRITE_BACK',
      remedy: expect.stringContaining(
        'ALTER TABLE "public"."High er" REPLICA IDENTITY FULL; ALTER TABLE "public"."low" REPLICA IDENTITY FULL;',
      ) as string,
    });
    await it.database.query(
      'ALTER TABLE low REPLICA IDENTITY FULL; ALTER TABLE "High er" REPLICA IDENTITY FULL',
    );
    expect(await writeBack.plan({ signal })).toMatchObject([
      { protection: 'source', needs: expect.stringContaining('partitions') as string },
    ]);
    await it.database.query('ALTER TABLE items REPLICA IDENTITY DEFAULT');
    expect(await writeBack.plan({ signal })).toMatchObject([{ protection: 'source' }]);
  });

  test('rows of all partitions get their status, and lose it when they change or move', async () => {
    await using it = await writtenBack(PARTITIONED);
    const writeBack = await it.make({ source: 'listen-notify' });
    await it.database.query(`INSERT INTO items VALUES (1, 'a'), (2, 'a'), (11, 'a'), (12, 'a')`);
    const row = (id: number) => ({ recordId: String(id), payload: { id, note: 'a' } });
    await it.store([1, 2, 11, 12].map(row));
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 4 });
    await it.database.query(`UPDATE items SET note = 'b' WHERE id = 11`);
    await it.database.query(`UPDATE low SET note = 'b' WHERE id = 1`);
    await it.database.query('UPDATE items SET id = 20 WHERE id = 2');
    await it.database.query('CREATE TABLE later PARTITION OF items FOR VALUES FROM (100) TO (200)');
    await it.database.query(`INSERT INTO items VALUES (100, 'a')`);
    await it.store([row(100)]);
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 1 });
    await it.database.query(
      `SET session_replication_role = replica; UPDATE items SET note = 'b' WHERE id = 100; RESET session_replication_role`,
    );
    expect(await it.statuses()).toEqual({
      1: 'pending',
      11: 'pending',
      12: 'anchored',
      20: 'pending',
      100: 'pending',
    });
    await writeBack.teardown({ signal });
  });
});
