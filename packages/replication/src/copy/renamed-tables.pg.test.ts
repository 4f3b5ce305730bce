import { openReader } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';
import { readFirstPart } from '../testing/first-part.ts';

const OPTIONS = { schemas: ['s'], copy: { parallel: 1 }, maxBufferedBytes: 65_536 } as const;
const TABLES = [
  'CREATE SCHEMA s',
  'CREATE TABLE s.t (id int PRIMARY KEY, v text)',
  `ALTER TABLE s.t ALTER v SET STORAGE EXTERNAL`,
  `INSERT INTO s.t SELECT i, repeat('x', 1000) FROM generate_series(1, 14000) i`,
  'CREATE TABLE s.z (id int PRIMARY KEY)',
  'INSERT INTO s.z SELECT generate_series(1, 100)',
];

// Schemas came with PostgreSQL 15.
describe.runIf(inject('postgresMajor') >= 15)(
  'a table of a captured schema that is renamed is copied to its end',
  () => {
    test('between two lives', async () => {
      await using it = await captured(TABLES, OPTIONS);
      const { after, rows: before } = await readFirstPart(it.source);
      await it.db.query('ALTER TABLE s.t RENAME TO u');
      await using second = await openReader(sourceOf(it.db, OPTIONS), { after });
      await second.caughtUp();
      const rows = [...before, ...second.rows].filter(({ table }) => table.name !== 'z');
      expect(new Set(rows.map(({ key }) => key['id'])).size).toBe(14_000);
      expect(second.sourceEvents).not.toContainEqual(
        expect.objectContaining({ code: 'COPY_TABLE_GONE' }),
      );
    });

    test('by the life that copies it, before its turn comes', async () => {
      await using it = await captured(TABLES, OPTIONS);
      await using reader = await openReader(it.source, { paused: true });
      await it.db.query('ALTER TABLE s.z RENAME TO y');
      reader.resume();
      await reader.caughtUp();
      const later = reader.rows.filter(({ table }) => table.name === 'y');
      expect(new Set(later.map(({ key }) => key['id'])).size).toBe(100);
    });

    test('where another one takes its name', async () => {
      const options = { ...OPTIONS, copy: { method: 'keyset', chunkRows: 1_000 } } as const;
      await using it = await captured(TABLES, options);
      await using reader = await openReader(it.source, { paused: true });
      await it.db.query(
        'ALTER TABLE s.t RENAME TO u; ALTER TABLE s.z RENAME TO t; ALTER TABLE s.u RENAME TO z',
      );
      reader.resume();
      await reader.caughtUp();
      const ids = (name: string): Set<unknown> =>
        new Set(reader.rows.filter(({ table }) => table.name === name).map(({ key }) => key['id']));
      expect(ids('z').size).toBeGreaterThanOrEqual(13_000);
      expect(ids('t').size).toBeGreaterThanOrEqual(100);
      expect(new Set([...ids('t'), ...ids('z')]).size).toBe(14_000);
    });

    test('and rows whose key changes behind the new name keep their large values', async () => {
      const options = { ...OPTIONS, copy: { method: 'keyset', chunkRows: 1_000 } } as const;
      const large = `INSERT INTO s.t SELECT i, repeat('x', 3000) FROM generate_series(14001, 14100) i`;
      await using it = await captured([...TABLES, large], options);
      await using reader = await openReader(it.source, { paused: true });
      await expect.poll(() => reader.rows.length).toBeGreaterThan(0);
      await it.db.query(
        'ALTER TABLE s.t RENAME TO u; UPDATE s.u SET id = id - 15000 WHERE id > 14000',
      );
      reader.resume();
      await reader.caughtUp();
      const whole = reader.rows.filter(
        ({ key, unavailable }) => Number(key['id']) < 0 && unavailable.length === 0,
      );
      expect(new Set(whole.map(({ key }) => key['id'])).size).toBe(100);
    });
  },
);
