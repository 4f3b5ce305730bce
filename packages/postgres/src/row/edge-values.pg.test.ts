import { canonicalJson } from '@certyo-cdc/core';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startupOptions } from '../connection/pinned-settings.ts';
import { captureRows } from './testing/captured-rows.ts';

/** The edge table: a fault, a type, a literal of it, and the JSON that every source must write. */
const EDGES: readonly (readonly [string, string, string, string])[] = [
  ['T-01', 'int8', "'9007199254740993'", '"9007199254740993"'],
  [
    'T-01',
    'jsonb',
    `'{"n": 9007199254740993, "m": -9223372036854775808}'`,
    '{"m":-9223372036854775808,"n":9007199254740993}',
  ],
  ['T-02', 'numeric', "'12345678901234567890.123456789000'", '"12345678901234567890.123456789000"'],
  ['T-02', 'numeric', "'1.500'", '"1.500"'],
  ['T-02', 'numeric(10,4)', "'1.5'", '"1.5000"'],
  [
    'T-02',
    'jsonb',
    `'[1.500, 12345678901234567890.123456789000, 1e2]'`,
    '[1.500,12345678901234567890.123456789000,100]',
  ],
  ['T-02', 'json', `'[1.500, 1E+2, -0.0]'`, '[1.500,1E+2,-0.0]'],
  ['T-03', 'float8', "'NaN'", '"NaN"'],
  ['T-03', 'float8', "'-Infinity'", '"-Infinity"'],
  ['T-03', 'float8', "'-0'", '"-0"'],
  ['T-03', 'float4', "'0.1'", '0.1'],
  ['T-03', 'float8', "'1e20'", '1e+20'],
  ['T-03', 'float8', '0.1::float8 + 0.2::float8', '0.30000000000000004'],
  ['T-03', 'numeric', "'NaN'", '"NaN"'],
  ['T-03', 'numeric', "'-Infinity'", '"-Infinity"'],
  ['T-04', 'timestamp', "'infinity'", '"infinity"'],
  ['T-04', 'timestamptz', "'-infinity'", '"-infinity"'],
  ['T-04', 'date', "'infinity'", '"infinity"'],
  ['T-05', 'timestamptz', "'0044-03-15 12:00:00+00 BC'", '"0044-03-15 12:00:00+00 BC"'],
  ['T-05', 'timestamp', "'294276-12-31 23:59:59.999999'", '"294276-12-31 23:59:59.999999"'],
  ['T-05', 'date', "'4714-11-24 BC'", '"4714-11-24 BC"'],
  ['T-05', 'timestamptz', "'2026-01-31 05:30:00.5+05:30'", '"2026-01-31T00:00:00.500000Z"'],
  ['T-06', 'date', "'2026-01-31'", '"2026-01-31"'],
  ['T-07', 'timetz', "'24:00:00+02'", '"24:00:00+02"'],
  ['T-08', 'interval', "'1 year 2 mons -3 days 04:05:06.7'", '"P1Y2M-3DT4H5M6.7S"'],
  ['T-09', 'bytea', "'\\x00ff'", '"\\\\x00ff"'],
  ['T-10', 'text[]', `'{"x,y",NULL,"NULL","{}",""}'`, '["x,y",null,"NULL","{}",""]'],
  ['T-10', 'int4[]', "'[0:1]={7,8}'", '"[0:1]={7,8}"'],
  ['T-10', 'int4[]', "'{{1,2},{3,4}}'", '[[1,2],[3,4]]'],
  ['T-10', 'box[]', "'{(1,1),(0,0);(2,2),(1,1)}'", '["(1,1),(0,0)","(2,2),(1,1)"]'],
  ['T-10', 'jsonb[]', `ARRAY['{"a": [1.50]}'::jsonb, NULL]`, '[{"a":[1.50]},null]'],
  ['T-10', 'timestamptz[]', "'{2026-01-31 00:00:00+00}'", '["2026-01-31T00:00:00.000000Z"]'],
  ['T-11', 'app.mood', "'sad'", '"sad"'],
  ['T-11', 'app.mood[]', "'{sad,NULL}'", '["sad",null]'],
  ['T-11', 'app.amount', "'1.5'", '"1.50"'],
  ['T-11', 'app.amounts', "'{1.5,NULL}'", '["1.50",null]'],
  ['T-11', 'app.stamp', "'2026-01-31 00:00:00'", '"2026-01-31T00:00:00.000000"'],
  ['T-11', 'app.pair', `ROW(1, 'a,"b"')`, '"(1,\\"a,\\"\\"b\\"\\"\\")"'],
  ['T-11', 'int4range', "'[1,5]'", '"[1,6)"'],
  ['T-11', 'int4multirange', "'{[1,3),[5,7)}'", '"{[1,3),[5,7)}"'],
  [
    'T-12',
    'json',
    `'{"b" : 1,  "a": {"b" :1,"b":2}, "10": 0, "2": 0}'`,
    '{"b":1,"a":{"b":1,"b":2},"10":0,"2":0}',
  ],
  ['T-12', 'jsonb', `'{"bb": 1, "a": 2, "a": 3}'`, '{"a":3,"bb":1}'],
  ['T-13', 'json', `'"a\\u0000b"'`, '"a\\u0000b"'],
  ['T-14', 'json', `'"\\ud800 \\udc00"'`, '"\\ud800 \\udc00"'],
  ['T-15', 'text', "'\ufffd \ufeff é 😀'", '"\ufffd \ufeff é 😀"'],
  ['T-17', 'char(4)', "'ab'", '"ab  "'],
  ['T-17', 'money', "'-1234.5'", '"-$1,234.50"'],
  ['T-17', '"char"', "'a'", '"a"'],
  ['T-17', 'xml', `'<a b="c">d</a>'`, '"<a b=\\"c\\">d</a>"'],
  ['T-17', 'app.hstore', `'b=>NULL, aa=>"1"'`, '{"aa":"1","b":null}'],
  ['T-17', 'app.citext', "'Ab'", '"Ab"'],
  ['T-18', 'int2vector', "'1 2'", '"1 2"'],
  ['T-18', 'oid', "'4294967295'", '4294967295'],
  ['T-18', 'xid8', "'18446744073709551615'", '"18446744073709551615"'],
];

/** Where a mapper's values, written as RFC 8785 says, are not the payload that is written from the text. */
const DIFFERENT: ReadonlySet<string> = new Set([
  // ECMAScript prints 1e+20 as 100000000000000000000.
  '1e+20',
  // Of numbers within json the value is kept, not the notation.
  '[1.500,12345678901234567890.123456789000,100]',
  '[1.500,1E+2,-0.0]',
  '[{"a":[1.50]},null]',
  // Keys within json are sorted, and of duplicates the last is kept.
  '{"b":1,"a":{"b":1,"b":2},"10":0,"2":0}',
  // Escaped lone surrogates have no canonical form.
  '"\\ud800 \\udc00"',
]);

let database: Awaited<ReturnType<typeof testDatabase>>;
let client: Client;

beforeAll(async () => {
  database = await testDatabase();
  await database.query(`
    CREATE SCHEMA app;
    CREATE EXTENSION hstore SCHEMA app;
    CREATE EXTENSION citext SCHEMA app;
    CREATE TYPE app.mood AS ENUM ('sad');
    CREATE TYPE app.pair AS (number int, "text" text);
    CREATE DOMAIN app.amount AS numeric(10,2);
    CREATE DOMAIN app.amounts AS app.amount[];
    CREATE DOMAIN app.stamp AS timestamp;
  `);
  client = await database.client({ options: startupOptions({}, '') });
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

describe('canonicalRow', () => {
  test.each(EDGES.map((edge, index) => [...edge, index] as const))(
    '%s: %s %s is written as %s',
    async (_fault, type, literal, json, index) => {
      const name = `app.edge_${index}`;
      await client.query(
        `CREATE TABLE ${name} (id int PRIMARY KEY, value ${type}, nothing ${type})`,
      );
      await client.query(`INSERT INTO ${name} VALUES (1, ${literal}, NULL)`);
      const [event] = await captureRows(client, name);
      const payload = `{"id":1,"nothing":null,"value":${json}}`;
      expect(event?.canonicalRow()).toBe(payload);
      const mapped = (): string => canonicalJson(event?.after ?? null);
      if (json.includes('\\ud800')) expect(mapped).toThrow('lone surrogate');
      else if (DIFFERENT.has(json)) expect(mapped()).not.toBe(payload);
      else expect(mapped()).toBe(payload);
    },
  );

  test('T-18: a column named __proto__ is kept, in row, key and payload', async () => {
    await client.query(
      `CREATE TABLE app.proto ("__proto__" int PRIMARY KEY, "constructor" text, "a""b\\c" text)`,
    );
    await client.query(`INSERT INTO app.proto VALUES (1, 'x', 'y')`);
    const [event] = await captureRows(client, 'app.proto');
    expect(event?.canonicalRow()).toBe('{"__proto__":1,"a\\"b\\\\c":"y","constructor":"x"}');
    expect(JSON.stringify(event?.after)).toBe('{"__proto__":1,"constructor":"x","a\\"b\\\\c":"y"}');
    expect(JSON.stringify(event?.key)).toBe('{"__proto__":1}');
    expect(Object.getPrototypeOf(event?.after)).toBeNull();
  });

  test('keys are sorted by their UTF-8 bytes', async () => {
    const names = ['b', 'a', 'A', 'é', '\uffee', '😀', '_', 'aa', '10', '9'];
    const columns = names.map((name) => `"${name}" int`).join(', ');
    await client.query(`CREATE TABLE app.names (${columns})`);
    await client.query(
      `INSERT INTO app.names VALUES (${names.map((_, index) => index).join(', ')})`,
    );
    const [event] = await captureRows(client, 'app.names');
    const sorted = names.toSorted((left, right) => Buffer.from(left).compare(Buffer.from(right)));
    expect(event?.canonicalRow()).toBe(
      `{${sorted.map((name) => `"${name}":${names.indexOf(name)}`).join(',')}}`,
    );
  });
});
