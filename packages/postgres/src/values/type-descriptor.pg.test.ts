import { testDatabase } from '@certyo-cdc/testing/vitest';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startupOptions } from '../connection/pinned-settings.ts';
import { readTypeDescriptors } from './type-descriptor.ts';
import { createTypeRegistry } from './type-registry.ts';
import { toJson } from './value-codec.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;

beforeAll(async () => {
  database = await testDatabase();
  await database.query(`CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('sad')`);
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

describe('readTypeDescriptors', () => {
  const query = async (client: Client, sql: string) =>
    (await client.query<Record<string, unknown>>(sql)).rows;

  test('describes types, with what they are made from', async () => {
    const client = await database.client({ options: startupOptions({}, '') });
    await database.query(`
      CREATE SCHEMA "Odd ""schema";
      CREATE EXTENSION hstore SCHEMA "Odd ""schema";
      CREATE DOMAIN app.tags AS "Odd ""schema".hstore[];
      CREATE DOMAIN app.my_tags AS app.tags;
      CREATE TYPE app.pair AS (a int, b text);
      CREATE TYPE app.span AS RANGE (subtype = text);
    `);
    const { rows } = await client.query<{ oid: string; name: string }>(
      `SELECT oid::text, typname AS name FROM pg_type
        WHERE typname IN ('my_tags', 'pair', 'span', 'span_multirange', '_mood', 'record') ORDER BY oid`,
    );
    const oids = rows.map(({ oid }) => Number(oid));
    const types = await readTypeDescriptors(
      (sql) => query(client, sql),
      [...oids, ...oids, 4_000_000_000],
    );
    const summary = types.map(({ schema, name, kind, extension, delimiter }) =>
      [schema, name, kind, extension, delimiter].join(' '),
    );
    expect(summary.toSorted()).toEqual(
      [
        'Odd "schema _hstore array hstore ,',
        'Odd "schema hstore base hstore ,',
        'app _mood array  ,',
        'app mood enum  ,',
        'app my_tags domain  ,',
        'app pair composite  ,',
        'app span range  ,',
        'app span_multirange multirange  ,',
        'app tags domain  ,',
        'pg_catalog record pseudo  ,',
      ].toSorted(),
    );
    const byName = new Map(types.map((type) => [type.name, type]));
    expect(byName.get('my_tags')?.baseOid).toBe(byName.get('tags')?.oid);
    expect(byName.get('tags')?.baseOid).toBe(byName.get('_hstore')?.oid);
    expect(byName.get('_hstore')?.elementOid).toBe(byName.get('hstore')?.oid);
    expect(byName.get('_hstore')?.formatted).toBe('"Odd ""schema".hstore[]');
  });

  test('reads nothing for no oids', async () => {
    await expect(
      readTypeDescriptors(() => Promise.reject(new Error('asked')), []),
    ).resolves.toEqual([]);
  });

  test('refuses what is no oid before it gets into the statement', async () => {
    for (const oid of [-1, 1.5, Number.NaN, 2 ** 32]) {
      await expect(readTypeDescriptors(() => Promise.resolve([]), [oid])).rejects.toThrow('an oid');
    }
  });

  test('I9: rows of a type that is gone are a gap', async () => {
    const client = await database.client({ options: startupOptions({}, '') });
    await client.query('CREATE TYPE app.gone AS ENUM (); CREATE TABLE app.left (a app.gone)');
    const { rows } = await client.query<{ oid: string }>(
      `SELECT 'app.gone'::regtype::oid::text AS oid`,
    );
    await client.query('DROP TYPE app.gone CASCADE');
    const oid = Number(rows[0]?.oid);
    const types = await readTypeDescriptors((sql) => query(client, sql), [oid]);
    expect(types).toEqual([]);
    const registry = createTypeRegistry(types);
    expect(() => registry.codec(oid)).toThrow(
      expect.objectContaining({ code: 'GAP_TYPE_UNKNOWN' }),
    );
  });

  test('works on a replication connection, which takes no parameters', async () => {
    const client = await database.client({ replication: 'database' } as object);
    const { rows } = await client.query<{ oid: string }>(
      `SELECT 'app.mood'::regtype::oid::text AS oid`,
    );
    const types = await readTypeDescriptors((sql) => query(client, sql), [Number(rows[0]?.oid)]);
    expect(types.map(({ name, kind }) => [name, kind])).toEqual([['mood', 'enum']]);
  });

  test('every built-in type that the server has can be decoded without a catalog read', async () => {
    const client = await database.client({ options: startupOptions({}, '') });
    // Left out are row types of catalogs, pseudo types and what 11 and older had.
    const { rows } = await client.query<{ oid: string; delimiter: string; is_array: boolean }>(
      `SELECT t.oid::text, coalesce(e.typdelim, t.typdelim)::text AS delimiter, e.oid IS NOT NULL AS is_array
         FROM pg_type t
         LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typinput = 'array_in'::regproc
        WHERE t.oid < 10000 AND coalesce(e.typtype, t.typtype) IN ('b', 'r', 'm')`,
    );
    const registry = createTypeRegistry();
    expect(rows.length).toBeGreaterThan(130);
    expect(registry.missing(rows.map(({ oid }) => Number(oid)))).toEqual([]);
    for (const { oid, delimiter, is_array } of rows) {
      if (!is_array) continue;
      const written = toJson(registry.codec(Number(oid)), `{NULL${delimiter}NULL}`);
      expect([oid, written]).toEqual([oid, '[null,null]']);
    }
  });
});
