import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { differences, lastShown, readEveryWay, WAYS } from './support/every-way.ts';

describe('I6: one row version has one payload', () => {
  test('geometry of PostGIS is the hex EWKB that it prints, in stream and copy', async ({
    skip,
  }) => {
    await using db = await testDatabase();
    const found = await db.query(`SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'`);
    if (found.length === 0) {
      skip(
        'PostGIS is not there: PG_MAJORS=15 TEST_POSTGRES_BIN_15=/usr/lib/postgresql/15/bin with postgresql-15-postgis-3 has it',
      );
    }
    await db.query('CREATE SCHEMA gis; CREATE EXTENSION postgis SCHEMA gis');
    await db.query(`
      CREATE TABLE places (id int PRIMARY KEY, note text, at gis.geometry(Point, 4326), area gis.geometry,
        "on" gis.geography(Point), list gis.geometry[]);
      ALTER TABLE places REPLICA IDENTITY FULL`);
    const tables = ['public.places'];
    const ways = await readEveryWay({ db, tables }, async () => {
      await db.query(`SET search_path = gis, public;
        INSERT INTO places VALUES
          (1, 'a', 'SRID=4326;POINT(1 2)', 'POLYGON EMPTY', 'POINT(1 2)', ARRAY['POINT(1 2)'::geometry, NULL]),
          (2, 'a', NULL, NULL, NULL, NULL),
          (3, 'a', 'SRID=4326;POINT(0.1 -0)', 'LINESTRING Z (0 0 1, 1 1 2)', NULL, '{}');
        UPDATE places SET note = 'b';
        RESET search_path`);
    });
    expect(differences(ways)).toEqual([]);
    const point = '0101000020E6100000000000000000F03F0000000000000040';
    const plain = '0101000000000000000000F03F0000000000000040';
    for (const way of WAYS) {
      const last = lastShown(ways.get(way) ?? []);
      expect(last.size).toBe(3);
      expect(last.get('public.places 1')?.payload).toBe(
        `{"area":"010300000000000000","at":"${point}","id":1,"list":["${plain}",null],"note":"b","on":"${point}"}`,
      );
    }
  });
});
