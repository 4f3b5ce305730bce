import { recordMapper } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import { writtenBack } from '../testing/written-back.ts';

describe('write-back and tables that change', () => {
  test('a column that was added since, with a default or without, leaves rows what they were', async () => {
    await using it = await writtenBack();
    const writeBack = await it.make();
    await it.database.query(`INSERT INTO items SELECT i, 'a' FROM generate_series(1, 5) AS i`);
    const row = (id: number) => ({ recordId: String(id), payload: { id, note: 'a' } });
    await it.store([row(1)]);
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 1 });
    await it.database.query(
      `ALTER TABLE items ADD COLUMN plain text, ADD COLUMN filled text DEFAULT 'it''s, "so"', ADD COLUMN at timestamptz DEFAULT now()`,
    );
    await it.database.query(`UPDATE items SET plain = 'x' WHERE id = 3`);
    await it.database.query(`UPDATE items SET filled = 'x' WHERE id = 4`);
    await it.database.query(`UPDATE items SET filled = NULL WHERE id = 5`);
    await it.store([2, 3, 4, 5].map(row));
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 1, newer: 3, kept: 1 });
    expect(await it.statuses()).toEqual({
      1: 'anchored',
      2: 'anchored',
      3: 'pending',
      4: 'pending',
      5: 'pending',
    });
  });

  test('a column that was dropped, renamed or given another type makes rows others than were anchored', async () => {
    await using it = await writtenBack(
      'CREATE TABLE public.items (id int PRIMARY KEY, note text, old text, n int)',
    );
    const writeBack = await it.make();
    await it.database.query(
      `INSERT INTO items SELECT i, 'a', 'b', 1 FROM generate_series(1, 4) AS i`,
    );
    const row = (id: number) => ({
      recordId: String(id),
      payload: { id, note: 'a', old: 'b', n: 1 },
    });
    await it.store([row(1)]);
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 1 });
    for (const [id, change] of [
      [2, 'ALTER COLUMN n TYPE int8'],
      [3, 'DROP COLUMN old'],
      [4, 'RENAME COLUMN note TO remark'],
    ] as const) {
      await it.database.query(`ALTER TABLE items ${change}`);
      await it.store([row(id)]);
      await it.queue(writeBack);
      expect(await writeBack.runOnce()).toMatchObject({ written: 0 });
    }
    expect(await it.statuses()).toMatchObject({ 2: 'pending', 3: 'pending', 4: 'pending' });
  });

  test('rows that a mapper makes records of are compared as it makes them', async () => {
    await using it = await writtenBack();
    const mapper = recordMapper({
      'public.items': { recordId: (row) => `item-${String(row['id'])}` },
    });
    const writeBack = await it.make({
      mapping: { mapper, columns: { 'public.items': { exclude: ['note'] } } },
      keyOf: ({ recordId }) => (recordId.startsWith('item-') ? [recordId.slice(5)] : null),
    });
    await it.database.query(`INSERT INTO items VALUES (1, 'a'), (2, 'b')`);
    const columns = ['id', 'note'].map((name) => ({ name, type: 'text', isKey: name === 'id' }));
    const table = { schema: 'public', name: 'items', columns, fingerprint: 'f' };
    await it.store([
      { recordId: 'item-1', payload: { id: 1 }, more: { table } },
      { recordId: 'item-2', payload: { id: 3 }, more: { table } },
      { recordId: 'other', payload: { id: 1 }, more: { table } },
    ]);
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 1, newer: 1, gone: 1 });
    expect(await it.statuses()).toEqual({ 1: 'anchored', 2: 'pending' });
  });

  test('generated columns of any type fail no writer, and keep no status from its row', async () => {
    await using it = await writtenBack(
      `CREATE EXTENSION hstore;
       CREATE DOMAIN public.shout AS text NOT NULL;
       CREATE TABLE public.items (id int PRIMARY KEY, note text,
         tags hstore GENERATED ALWAYS AS (hstore('note', note)) STORED,
         size float8 GENERATED ALWAYS AS (length(note) / 3::float8) STORED,
         long shout GENERATED ALWAYS AS (upper(coalesce(note, ''))) STORED,
         spans int4range[] GENERATED ALWAYS AS (ARRAY[int4range(1, length(note) + 1)]) STORED)`,
    );
    const writeBack = await it.make();
    await it.database.query(`INSERT INTO items (id, note) VALUES (1, 'a'), (2, 'b'), (3, NULL)`);
    await it.store([
      { recordId: '1', payload: { id: 1, note: 'a' } },
      { recordId: '2', payload: { id: 2, note: 'b' } },
      { recordId: '3', payload: { id: 3, note: null } },
    ]);
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 3 });
    await it.database.query(`ALTER TABLE items ADD COLUMN more text DEFAULT 'x'`);
    await it.database.query('UPDATE items SET note = note');
    expect(await it.statuses()).toEqual({ 1: 'anchored', 2: 'anchored', 3: 'anchored' });
    await it.database.query(`UPDATE items SET note = 'c' WHERE id > 1`);
    expect(await it.statuses()).toEqual({ 1: 'anchored', 2: 'pending', 3: 'pending' });
  });

  test('keys of a type of an extension are compared and ordered as their type does it', async () => {
    await using it = await writtenBack(
      `CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION ltree SCHEMA ext;
       CREATE DOMAIN public.code AS ext.citext;
       CREATE TABLE public.items (id public.code COLLATE "C", path ext.ltree, n int, PRIMARY KEY (path, id, n))`,
    );
    const writeBack = await it.make({ sweepIntervalMs: 1 });
    await it.database.query(
      `INSERT INTO items SELECT CASE i % 2 WHEN 0 THEN 'k' ELSE 'K' END || lpad(i::text, 4, '0'), 'a.b', 1 FROM generate_series(1, 1100) AS i`,
    );
    const ids = Array.from({ length: 1100 }, (_, index) => {
      const text = String(index + 1).padStart(4, '0');
      return (index + 1) % 2 === 0 ? `k${text}` : `K${text}`;
    });
    await it.store(
      ids.map((id) => ({
        recordId: JSON.stringify(['a.b', id, '1']),
        payload: { id, path: 'a.b', n: 1 },
        key: ['path', 'id', 'n'],
      })),
    );
    // Page by page through all rows.
    expect(await writeBack.runOnce()).toMatchObject({ written: 1100 });
  });

  test('columns have the names that they are given; some may be left out', async () => {
    await using it = await writtenBack();
    const writeBack = await it.make({
      columns: { status: 'Anchor "state"', recordHash: 'note_hash', verifiedAt: false },
      into: 'columns',
      source: { kind: 'other' },
    });
    await it.database.query(`INSERT INTO items VALUES (1, 'a'), (2, 'b')`);
    await it.store([{ recordId: '1', payload: { id: 1, note: 'a' } }]);
    await it.queue(writeBack);
    expect(await writeBack.runOnce()).toMatchObject({ written: 1, sideTable: 0 });
    const rows = await it.database.query('SELECT * FROM items ORDER BY id');
    expect(rows).toEqual([
      { id: 1, note: 'a', 'Anchor "state"': 'anchored', note_hash: 'hash of 1 1' },
      { id: 2, note: 'b', 'Anchor "state"': 'pending', note_hash: null },
    ]);
    await it.database.query(`UPDATE items SET note = 'b'`);
    const [row] = await it.database.query(
      'SELECT "Anchor ""state""" AS status FROM items WHERE id = 1',
    );
    expect(row).toEqual({ status: 'pending' });
  });
});
