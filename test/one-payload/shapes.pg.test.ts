import { randomBytes } from 'node:crypto';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import {
  differences,
  lastShown,
  readEveryWay,
  versions,
  type Way,
  WAYS,
} from './support/every-way.ts';

describe('I6: one row version has one payload', () => {
  test('generated columns and columns of this library are nobody’s, wherever they stand', async () => {
    await using db = await testDatabase();
    const virtual = db.major >= 18 ? ', later text GENERATED ALWAYS AS (v || v) VIRTUAL' : '';
    await db.query(`
      CREATE TABLE made (twice text GENERATED ALWAYS AS (v || v) STORED, certyo_xid xid8 NOT NULL DEFAULT '3',
        certyo_anchor_status text, id int PRIMARY KEY, v text, certyo_record_hash text,
        certyo_verified_at timestamptz DEFAULT now()${virtual})`);
    const ways = await readEveryWay({ db, tables: ['public.made'] }, async () => {
      await db.query(`INSERT INTO made (id, v) SELECT i, 'v' || i FROM generate_series(1, 5) AS i`);
      await db.query(`UPDATE made SET v = 'w' WHERE id = 2`);
      await db.query(`UPDATE made SET certyo_record_hash = 'h', certyo_verified_at = NULL`);
      await db.query(`UPDATE made SET v = NULL, certyo_anchor_status = 's' WHERE id = 3`);
    });
    expect(differences(ways)).toEqual([]);
    const last = [...lastShown(ways.get('polling') ?? []).values()].map(({ payload }) => payload);
    expect(last.sort()).toEqual([
      '{"id":1,"v":"v1"}',
      '{"id":2,"v":"w"}',
      '{"id":3,"v":null}',
      '{"id":4,"v":"v4"}',
      '{"id":5,"v":"v5"}',
    ]);
    expect(ways.get('change log')).toHaveLength(5 + 1 + 1);
  });

  test('columns that come, go and change their names between the rows of one transaction', async () => {
    await using db = await testDatabase();
    await db.query(
      `CREATE TABLE moved (gone int, id int PRIMARY KEY, a text, b numeric(10,2));
       ALTER TABLE moved DROP COLUMN gone; ALTER TABLE moved REPLICA IDENTITY FULL`,
    );
    const ways = await readEveryWay({ db, tables: ['public.moved'] }, async () => {
      await db.query(`
        BEGIN;
        INSERT INTO moved VALUES (1, 'a', 1.5);
        ALTER TABLE moved DROP COLUMN a;
        ALTER TABLE moved ADD COLUMN z timestamptz DEFAULT '2026-01-01 00:00:00+05:30';
        INSERT INTO moved (id, b) VALUES (2, 2);
        ALTER TABLE moved RENAME COLUMN b TO "Ä";
        ALTER TABLE moved ADD COLUMN a money DEFAULT 3;
        UPDATE moved SET z = z WHERE id = 1;
        INSERT INTO moved (id) VALUES (3);
        ALTER TABLE moved ALTER COLUMN "Ä" TYPE float8;
        UPDATE moved SET "Ä" = 0.1 WHERE id = 3;
        COMMIT`);
      await db.query(`DELETE FROM moved WHERE id = 2`);
    });
    // What polling and a copy find is the row as its table is now; the others show each row as it was then.
    const asNow = `{"a":"$3.00","id":3,"z":"2025-12-31T18:30:00.000000Z","Ä":0.1}`;
    for (const way of WAYS)
      expect(lastShown(ways.get(way) ?? []).get('public.moved 3')?.payload).toBe(asNow);
    expect(versions(ways.get('replication') ?? [])).toEqual(versions(ways.get('change log') ?? []));
    for (const one of [...ways.values()].flat()) expect(one.held).toBe(one.payload);
  });

  test('P-02, values of 100 kB, changed and unchanged', async () => {
    await using db = await testDatabase();
    for (const table of ['whole', 'keyed']) {
      await db.query(
        `CREATE TABLE ${table} (id int PRIMARY KEY, a text, big text, small int, bytes bytea);
         ALTER TABLE ${table} ALTER big SET STORAGE EXTERNAL`,
      );
    }
    await db.query('ALTER TABLE whole REPLICA IDENTITY FULL');
    const big = (): string => randomBytes(50_000).toString('hex');
    const tables = ['public.whole', 'public.keyed'];
    const ways = await readEveryWay({ db, tables }, async () => {
      for (const table of ['whole', 'keyed']) {
        for (const id of [1, 2, 3, 4]) {
          const values = [id, big(), randomBytes(100_000)];
          await db.query(`INSERT INTO ${table} VALUES ($1, 'a', $2, 0, $3)`, values);
        }
        await db.query(`UPDATE ${table} SET small = 1 WHERE id = 2`);
        await db.query(`UPDATE ${table} SET big = $1 WHERE id = 3`, [big()]);
        await db.query(`UPDATE ${table} SET big = left(big, 99999), small = 2 WHERE id = 3`);
        await db.query(`UPDATE ${table} SET id = 5 WHERE id = 4`);
      }
    });
    // Under the default identity replication does not see what did not change, and says so.
    const hidden = (ways.get('replication') ?? []).filter(
      ({ unavailable }) => unavailable.length > 0,
    );
    expect(hidden.map((one) => `${one.table} ${one.recordId}`)).toEqual(
      ['2', '3', '3', '5'].map((id) => `public.keyed ${id}`),
    );
    expect(hidden[0]?.payload).toBe('{"_unavailable":["big","bytes"],"a":"a","id":2,"small":1}');
    const whole = (way: Way): readonly string[] =>
      versions((ways.get(way) ?? []).filter(({ table }) => table === 'public.whole'));
    // Texts of a megabyte are nothing to print when they differ.
    expect(whole('replication').join('\n') === whole('change log').join('\n')).toBe(true);
    const others = new Map(ways);
    others.delete('replication');
    expect(differences(others).map((text) => text.slice(0, 200))).toEqual([]);
    expect(lastShown(ways.get('copy') ?? []).get('public.keyed 5')?.payload.length).toBeGreaterThan(
      300_000,
    );
  });

  test('partitions whose columns stand in another order than those of their table', async () => {
    await using db = await testDatabase();
    await db.query(`
      CREATE TABLE parts (id int, region text, amount numeric(12,2), at timestamptz, tags text[],
        PRIMARY KEY (id, region)) PARTITION BY LIST (region);
      CREATE TABLE parts_eu (gone int, tags text[], at timestamptz, amount numeric(12,2), region text NOT NULL, id int NOT NULL);
      ALTER TABLE parts_eu DROP COLUMN gone;
      ALTER TABLE parts ATTACH PARTITION parts_eu FOR VALUES IN ('eu');
      CREATE TABLE parts_us (id int NOT NULL, dropped text, region text NOT NULL, at timestamptz, amount numeric(12,2), tags text[])
        PARTITION BY RANGE (id);
      ALTER TABLE parts_us DROP COLUMN dropped;
      CREATE TABLE parts_us_low (amount numeric(12,2), region text NOT NULL, id int NOT NULL, tags text[], at timestamptz);
      ALTER TABLE parts_us ATTACH PARTITION parts_us_low FOR VALUES FROM (0) TO (100);
      ALTER TABLE parts ATTACH PARTITION parts_us FOR VALUES IN ('us');
      ALTER TABLE parts REPLICA IDENTITY FULL;
      ALTER TABLE parts_eu REPLICA IDENTITY FULL;
      ALTER TABLE parts_us_low REPLICA IDENTITY FULL;
    `);
    const ways = await readEveryWay({ db, tables: ['public.parts'] }, async () => {
      await db.query(`
        INSERT INTO parts SELECT i, CASE i % 2 WHEN 0 THEN 'eu' ELSE 'us' END, i + 0.5,
          '2026-01-01 00:00:00+01'::timestamptz + i * interval '1.000001 second', ARRAY['t' || i, NULL]
          FROM generate_series(1, 20) AS i`);
      await db.query(`UPDATE parts SET amount = amount + 1 WHERE id < 10`);
      // To another partition: gone there, new here.
      await db.query(`UPDATE parts SET region = 'eu' WHERE id IN (1, 3)`);
      await db.query(`DELETE FROM parts WHERE id > 18`);
      await db.query(`INSERT INTO parts_us_low VALUES (7, 'us', 50, '{}', 'infinity')`);
    });
    expect(differences(ways)).toEqual([]);
    expect(versions(ways.get('replication') ?? [])).toEqual(versions(ways.get('change log') ?? []));
    const deletes = (way: Way): readonly string[] =>
      versions((ways.get(way) ?? []).filter(({ operation }) => operation === 'delete'));
    expect(deletes('polling')).toEqual(deletes('change log'));
    expect(deletes('polling')).toHaveLength(4);
    expect([...lastShown(ways.get('copy') ?? []).keys()].map((name) => name.split(' ')[0])).toEqual(
      Array.from({ length: 19 }, () => 'public.parts'),
    );
  });
});
