import { describe, expect, test } from 'vitest';

import { writtenBack } from '../testing/written-back.ts';

const TOUCHED = `CREATE TABLE public.items (id int PRIMARY KEY, note text, touched int DEFAULT 0);
  CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.touched := NEW.touched + 1; RETURN NEW; END'`;

describe('write-back and triggers of the table', () => {
  test('V-02: what a trigger would change of the row with its status is not written; its condition mends it', async () => {
    await using it = await writtenBack(TOUCHED);
    const writeBack = await it.make();
    await it.database.query(
      'CREATE TRIGGER touch BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION touch()',
    );
    await it.database.query(`INSERT INTO items VALUES (1, 'a')`);
    await it.store([{ recordId: '1', payload: { id: 1, note: 'a', touched: 0 } }]);
    await it.queue(writeBack);
    await writeBack.start();
    const error = await writeBack.closed;
    expect(error).toMatchObject({
      code: 'WRITE_BACK_LOOP',
      message: expect.stringContaining('touch') as string,
      remedy: expect.stringContaining(
        'WHEN (ROW(OLD."id", OLD."note", OLD."touched") IS DISTINCT FROM ROW(NEW."id", NEW."note", NEW."touched"))',
      ) as string,
    });
    expect(writeBack.status()).toMatchObject({ state: 'failed', error });
    expect(await it.database.query('SELECT touched, certyo_anchor_status FROM items')).toEqual([
      { touched: 0, certyo_anchor_status: 'pending' },
    ]);
    const condition = /WHEN \(.*\)\)/.exec(
      (error as { remedy?: string } | null)?.remedy ?? '',
    )?.[0];
    await it.database.query('DROP TRIGGER touch ON items');
    await it.database.query(
      `CREATE TRIGGER touch BEFORE UPDATE ON items FOR EACH ROW ${condition ?? ''} EXECUTE FUNCTION touch()`,
    );
    const again = await it.make();
    expect(await again.runOnce()).toMatchObject({ taken: 1, written: 1 });
    expect(await it.statuses()).toEqual({ 1: 'anchored' });
  });

  test.each([
    ['after the row', 'CREATE TRIGGER later AFTER UPDATE'],
    ['deferred', 'CREATE CONSTRAINT TRIGGER later AFTER UPDATE'],
  ])('V-13: a trigger that changes the row %s is noticed too', async (_when, create) => {
    await using it =
      await writtenBack(`CREATE TABLE public.items (id int PRIMARY KEY, note text, touched int DEFAULT 0);
      CREATE FUNCTION public.later() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN UPDATE public.items SET touched = touched + 1 WHERE id = NEW.id AND touched = OLD.touched; RETURN NULL; END'`);
    const writeBack = await it.make();
    const deferred = create.includes('CONSTRAINT') ? 'DEFERRABLE INITIALLY DEFERRED' : '';
    await it.database.query(
      `${create} ON items ${deferred} FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION later()`,
    );
    await it.database.query(`INSERT INTO items VALUES (1, 'a')`);
    await it.store([{ recordId: '1', payload: { id: 1, note: 'a', touched: 0 } }]);
    await it.queue(writeBack);
    await expect(writeBack.runOnce()).rejects.toMatchObject({ code: 'WRITE_BACK_LOOP' });
    expect(await it.statuses()).toEqual({ 1: 'pending' });
  });

  test('V-13: a status that is taken away again and again stops it', async () => {
    await using it = await writtenBack();
    const writeBack = await it.make();
    await it.database.query(`INSERT INTO items VALUES (1, 'a')`);
    await it.store([{ recordId: '1', payload: { id: 1, note: 'a' } }]);
    for (let time = 0; time < 5; time += 1) {
      await it.queue(writeBack);
      expect(await writeBack.runOnce()).toMatchObject({ written: 1 });
      await it.database.query(
        "BEGIN; SET LOCAL certyo.write_back = 'on'; UPDATE items SET certyo_anchor_status = 'pending'; COMMIT",
      );
    }
    await it.queue(writeBack);
    await expect(writeBack.runOnce()).rejects.toMatchObject({
      code: 'WRITE_BACK_LOOP',
      retryable: false,
    });
  });

  test('V-13: a row that goes to and fro is no loop: each time it was changed and anchored', async () => {
    await using it = await writtenBack();
    const writeBack = await it.make();
    await it.database.query(`INSERT INTO items VALUES (1, 'a')`);
    for (let version = 1; version <= 14; version += 1) {
      const note = version % 2 === 0 ? 'b' : 'a';
      await it.database.query('UPDATE items SET note = $1', [note]);
      await it.store([{ recordId: '1', payload: { id: 1, note }, version: String(version + 100) }]);
      await it.queue(writeBack);
      expect(await writeBack.runOnce()).toMatchObject({ written: 1 });
    }
  });

  test('V-13: when what was written comes back as receipts of the same content, it stops', async () => {
    await using it = await writtenBack();
    const writeBack = await it.make();
    const ids = Array.from({ length: 30 }, (_, index) => index);
    const rows = (version: string) =>
      ids.map((id) => ({ recordId: String(id), payload: { id, note: 'a' }, version }));
    await it.database.query(`INSERT INTO items SELECT i, 'a' FROM generate_series(0, 29) AS i`);
    await it.store(rows('1'));
    // An application that writes without changing anything, before: that is not ours.
    await it.store(rows('2'));
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 30 });
    expect(await writeBack.runOnce()).toMatchObject({ taken: 0 });
    await it.store(rows('3'));
    await it.queue(writeBack);
    await expect(writeBack.runOnce()).rejects.toMatchObject({ code: 'WRITE_BACK_LOOP' });
  });
});
