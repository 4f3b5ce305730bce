import { describe, expect, test } from 'vitest';

import { writtenBack } from '../testing/written-back.ts';

const { signal } = new AbortController();

describe('createWriteBack', () => {
  test('V-08: a status is written onto what was anchored, and not onto anything newer', async () => {
    await using it = await writtenBack();
    const writeBack = await it.make();
    await it.database.query(`INSERT INTO items VALUES (1, 'a'), (2, 'b'), (3, 'c')`);
    await it.store([
      { recordId: '1', payload: { id: 1, note: 'a' } },
      { recordId: '2', payload: { id: 2, note: 'b' } },
      { recordId: '3', payload: { id: 3, note: 'c' } },
    ]);
    await it.database.query(`UPDATE items SET note = 'newer' WHERE id = 2`);
    await it.database.query('DELETE FROM items WHERE id = 3');
    expect(await it.queue(writeBack)).toBe(3);
    expect(await writeBack.runOnce()).toMatchObject({
      taken: 3,
      sideTable: 3,
      written: 1,
      newer: 1,
      gone: 1,
    });
    expect(await it.statuses()).toEqual({ 1: 'anchored', 2: 'pending' });
    expect(await writeBack.backlog({ signal })).toEqual({ queued: 0, due: 0 });
    const side = await it.database.query(
      'SELECT record_id, status, record_hash, record_version FROM certyo.row_status ORDER BY 1',
    );
    expect(side).toEqual(
      ['1', '2', '3'].map((id) => ({
        record_id: id,
        status: 'anchored',
        record_hash: `hash of ${id} 1`,
        record_version: '1',
      })),
    );
  });

  test('V-08: what changes a row takes its status away; what changes nothing leaves it', async () => {
    await using it = await writtenBack(
      'CREATE TABLE public.items (id int PRIMARY KEY, note text, doc json, size int GENERATED ALWAYS AS (length(note)) STORED)',
    );
    const writeBack = await it.make();
    await it.database.query(
      `INSERT INTO items (id, note) SELECT i, 'a' FROM generate_series(1, 7) AS i`,
    );
    await it.store(
      [1, 2, 3, 4, 5, 6, 7].map((id) => ({
        recordId: String(id),
        payload: { id, note: 'a', doc: null },
      })),
    );
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 7 });
    await it.database.query(`UPDATE items SET note = 'b' WHERE id = 1`);
    await it.database.query(`UPDATE items SET note = note WHERE id = 2`);
    await it.database.query(
      `SET session_replication_role = replica; UPDATE items SET note = 'b' WHERE id = 3; RESET session_replication_role`,
    );
    await it.database.query(
      `UPDATE items SET note = 'b', certyo_anchor_status = 'anchored' WHERE id = 4`,
    );
    // An application that writes the whole row back as it was when it read it.
    await it.database.query(
      `UPDATE items SET note = 'a', certyo_anchor_status = 'pending', certyo_record_hash = NULL WHERE id = 2`,
    );
    await it.database.query(`UPDATE items SET doc = '{"a": 1}' WHERE id = 5`);
    await it.database.query(`UPDATE items SET id = 16 WHERE id = 6`);
    await it.database.query(`ALTER TABLE items ADD COLUMN more int DEFAULT 7`);
    await it.database.query(`UPDATE items SET note = note WHERE id = 7`);
    await it.database.query(
      `INSERT INTO items (id, note, certyo_anchor_status, certyo_record_hash) SELECT 20, note, certyo_anchor_status, certyo_record_hash FROM items WHERE id = 2`,
    );
    expect(await it.statuses()).toEqual({
      1: 'pending',
      2: 'anchored',
      3: 'pending',
      4: 'pending',
      5: 'pending',
      7: 'anchored',
      16: 'pending',
      20: 'pending',
    });
    const left = await it.database.query(
      `SELECT DISTINCT certyo_record_hash, certyo_verified_at FROM items WHERE certyo_anchor_status = 'pending'`,
    );
    expect(left).toEqual([{ certyo_record_hash: null, certyo_verified_at: null }]);
    // Without its columns the trigger fails nobody.
    await it.database.query('ALTER TABLE items DROP COLUMN certyo_anchor_status');
    await it.database.query(`UPDATE items SET note = 'c'`);
  });

  test('V-09: what comes again, late or in another order changes nothing', async () => {
    await using it = await writtenBack();
    const writeBack = await it.make();
    await it.database.query(`INSERT INTO items VALUES (1, 'b')`);
    const first = { recordId: '1', payload: { id: 1, note: 'a' }, version: '1' } as const;
    const second = { recordId: '1', payload: { id: 1, note: 'b' }, version: '2' } as const;
    await it.store([first, { ...second, state: 'failed' }]);
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 1 });
    expect(await it.statuses()).toEqual({ 1: 'failed' });
    await it.database.query("UPDATE certyo.receipts SET state = 'anchored'");
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 1, sideTable: 1 });
    expect(await it.statuses()).toEqual({ 1: 'anchored' });
    const [before] = await it.database.query('SELECT xmin::text, * FROM items');
    // Again, then the first one, then as failed.
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 0, sideTable: 0, kept: 1 });
    await it.database.query(
      `INSERT INTO certyo.write_back_queue (target, record_key, record_version) SELECT 'write-back', record_key, record_version FROM certyo.receipts WHERE record_version = '1'`,
    );
    expect(await writeBack.runOnce()).toMatchObject({
      taken: 1,
      written: 0,
      sideTable: 0,
      newer: 1,
    });
    await it.database.query("UPDATE certyo.receipts SET state = 'failed'");
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 0, sideTable: 0, kept: 1 });
    expect((await it.database.query('SELECT xmin::text, * FROM items'))[0]).toEqual(before);
    // A receipt that is followed again is nothing to write.
    await it.queue(writeBack);
    await it.database.query("UPDATE certyo.receipts SET state = 'pending'");
    expect(await writeBack.runOnce()).toMatchObject({ taken: 0 });
    expect(await writeBack.backlog({ signal })).toEqual({ queued: 0, due: 0 });
  });

  test('V-10: rows and tables that are locked are not waited for, and tried again', async () => {
    await using it = await writtenBack();
    const writeBack = await it.make();
    await it.database.query(`INSERT INTO items SELECT i, 'a' FROM generate_series(1, 5) AS i`);
    await it.store(
      [1, 2, 3, 4, 5].map((id) => ({ recordId: String(id), payload: { id, note: 'a' } })),
    );
    await it.queue(writeBack);
    const client = await it.database.client();
    await client.query('BEGIN; SELECT FROM items WHERE id = 3 FOR UPDATE');
    expect(await writeBack.runOnce()).toMatchObject({ written: 4, busy: 1 });
    expect(await it.statuses()).toMatchObject({ 2: 'anchored', 3: 'pending' });
    await client.query('COMMIT; BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE');
    await it.database.query('UPDATE certyo.write_back_queue SET due_at = now()');
    expect(await writeBack.runOnce()).toMatchObject({ written: 0, busy: 1 });
    expect(await writeBack.backlog({ signal })).toEqual({ queued: 1, due: 0 });
    await client.query('COMMIT');
    await writeBack.start();
    await expect.poll(() => it.statuses()).toMatchObject({ 3: 'anchored' });
    await writeBack.drain();
  });

  test('several share the work; what one does no other does', async () => {
    await using it = await writtenBack();
    const workers = await Promise.all([1, 2, 3].map(() => it.make({ batchSize: 7 })));
    const ids = Array.from({ length: 200 }, (_, index) => index);
    await it.database.query(`INSERT INTO items SELECT i, 'a' FROM generate_series(0, 199) AS i`);
    await it.receipts.store([], { signal });
    await it.store(ids.map((id) => ({ recordId: String(id), payload: { id, note: 'a' } })));
    const [worker] = workers;
    if (worker !== undefined) await it.queue(worker);
    const rounds = await Promise.all(workers.map((each) => each.runOnce()));
    const sum = (name: 'taken' | 'written' | 'sideTable'): number =>
      rounds.reduce((total, round) => total + round[name], 0);
    expect([sum('taken'), sum('written'), sum('sideTable')]).toEqual([200, 200, 200]);
    expect(rounds.filter(({ taken }) => taken > 0).length).toBeGreaterThan(1);
  });

  test('keys of any type; record ids that are none of the table are left, the others written', async () => {
    await using it = await writtenBack(
      'CREATE TABLE public.items (at timestamptz, id uuid, raw bytea, note text, PRIMARY KEY (id, at, raw))',
    );
    const writeBack = await it.make();
    const id = '00000000-0000-0000-0000-000000000001';
    await it.database.query(
      `INSERT INTO items VALUES ('2026-01-01 00:00:00.5+00', '${id}', '\\x0a', 'x')`,
    );
    const at = '2026-01-01T00:00:00.500000Z';
    const key = ['id', 'at', 'raw'];
    const payload = { at, id, raw: '\\x0a', note: 'x' };
    await it.store([
      { recordId: JSON.stringify([id, at, '\\x0a']), payload, key },
      { recordId: JSON.stringify(['no uuid', at, '\\x0a']), payload, key },
      { recordId: JSON.stringify([id, 'no time', '\\x0a']), payload, key },
      { recordId: 'no array', payload, key },
      { recordId: JSON.stringify([id]), payload, key },
    ]);
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ taken: 5, written: 1, gone: 4 });
    expect(await it.statuses()).toEqual({ [id]: 'anchored' });
  });

  test('a status that the table does not take stops it, and stays queued', async () => {
    await using it = await writtenBack(
      `CREATE TABLE public.items (id int PRIMARY KEY, note text, certyo_record_hash varchar(10));
       CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW.id / (NEW.id - 3); END'`,
    );
    await it.database.query(`INSERT INTO items VALUES (1, 'a'), (3, 'a')`);
    await it.store([{ recordId: '1', payload: { id: 1, note: 'a' } }]);
    const first = await it.make();
    await it.queue(first);
    await first.start();
    expect(await first.closed).toMatchObject({ code: 'WRITE_BACK', retryable: false });
    await it.database.query('ALTER TABLE items ALTER certyo_record_hash TYPE text');
    const second = await it.make();
    expect(await second.runOnce()).toMatchObject({ written: 1 });
    await it.database.query(
      'CREATE TRIGGER fail AFTER UPDATE ON items FOR EACH ROW EXECUTE FUNCTION fail()',
    );
    await it.store([{ recordId: '3', payload: { id: 3, note: 'a' } }]);
    await it.queue(second);
    await expect(second.runOnce()).rejects.toMatchObject({ code: 'WRITE_BACK' });
    expect(await second.backlog({ signal })).toMatchObject({ queued: 2 });
    expect(await it.statuses()).toEqual({ 1: 'anchored', 3: 'pending' });
  });

  test('other tables, deletes and records that are not rows go into the side table only', async () => {
    await using it = await writtenBack();
    const writeBack = await it.make();
    await it.database.query(`INSERT INTO items VALUES (1, 'a')`);
    await it.store([
      { recordId: '1', payload: { id: 1, note: 'a' }, more: { operationType: 'delete' } },
      { recordId: '$truncate', payload: { id: 1, note: 'a' }, more: { table: null } },
    ]);
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({
      taken: 2,
      sideTable: 2,
      written: 0,
      gone: 0,
    });
    expect(await it.statuses()).toEqual({ 1: 'pending' });
  });

  test('a row that is again what was anchored gets its status without another receipt', async () => {
    await using it = await writtenBack();
    const writeBack = await it.make({ sweepIntervalMs: 1 });
    await it.database.query(`INSERT INTO items VALUES (1, 'a'), (2, 'b'), (3, 'c')`);
    await it.store([
      { recordId: '1', payload: { id: 1, note: 'a' } },
      { recordId: '2', payload: { id: 2, note: 'b' } },
      { recordId: '3', payload: { id: 3, note: 'c' }, state: 'pending' },
    ]);
    // Nothing is queued: these rows were there before write-back was.
    expect(await writeBack.runOnce()).toMatchObject({ taken: 2, written: 2 });
    await it.database.query(`UPDATE items SET note = 'x' WHERE id = 1`);
    expect(await writeBack.runOnce()).toMatchObject({ written: 0, newer: 1 });
    await it.database.query(`UPDATE items SET note = 'a' WHERE id = 1`);
    expect(await writeBack.runOnce()).toMatchObject({ written: 1 });
    expect(await it.statuses()).toEqual({ 1: 'anchored', 2: 'anchored', 3: 'pending' });
  });

  test('the ledger may be in another database than the rows', async () => {
    await using ledger = await writtenBack();
    await using it = await writtenBack();
    await it.receipts.teardown({ signal });
    const writeBack = await it.make({ receipts: ledger.receipts, sweepIntervalMs: false });
    await it.database.query(`INSERT INTO items VALUES (1, 'a')`);
    await ledger.store([{ recordId: '1', payload: { id: 1, note: 'a' } }]);
    await ledger.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 1, sideTable: 1 });
    expect(await it.statuses()).toEqual({ 1: 'anchored' });
    expect(await ledger.database.query('SELECT FROM certyo.write_back_queue')).toEqual([]);
    await writeBack.teardown({ signal });
  });
});
