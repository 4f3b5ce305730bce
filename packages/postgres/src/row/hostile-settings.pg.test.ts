import { type RowChange, ValueError } from '@certyo-cdc/core';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { pinStatements, startupOptions } from '../connection/pinned-settings.ts';
import { captureRows, describeTable, insertOf, rowTexts } from './testing/captured-rows.ts';
import { tupleFromTexts } from './tuple.ts';

/** Settings that change what values look like, each in a way that a role may have. */
const HOSTILE: Readonly<Record<string, string>> = {
  datestyle: 'German, DMY',
  timezone: 'Asia/Kolkata',
  bytea_output: 'escape',
  intervalstyle: 'sql_standard',
  extra_float_digits: '-3',
  quote_all_identifiers: 'on',
  search_path: 'app, pg_catalog',
  client_encoding: 'LATIN1',
};

const STYLES = ['German, DMY', 'SQL, MDY', 'SQL, DMY', 'Postgres, MDY', 'Postgres, DMY'];

let database: Awaited<ReturnType<typeof testDatabase>>;
let role: string;
let reference: string[];

async function payloads(client: Client): Promise<string[]> {
  const events: RowChange[] = await captureRows(client, 'app.values');
  return events.map((event) => event.canonicalRow());
}

async function hostileClient(options?: string): Promise<Client> {
  const config = { user: role, password: 'secret' };
  return await database.client(options === undefined ? config : { ...config, options });
}

beforeAll(async () => {
  database = await testDatabase();
  role = `hostile_${database.database}`;
  await database.query(`
    CREATE SCHEMA app;
    CREATE TYPE app.mood AS ENUM ('sad');
    CREATE TABLE app.values (
      id int PRIMARY KEY, at timestamptz, local timestamp, day date, clock timetz, span interval,
      raw bytea, ratio float8, small float4, amount money, regclass regclass, mood app.mood, name text,
      ats timestamptz[], during tstzrange, place point);
    INSERT INTO app.values VALUES
      (1, '2026-03-04 05:06:07.8+00', '2026-03-04 05:06:07', '2026-03-04', '05:06:07+02',
       '1 year 2 mons 3 days -4:05:06.7', '\\x0001ff5c', 0.1::float8 + 0.2::float8, 1.0::float4 / 3,
       '-1234.5', 'app.values', 'sad', 'Zürich', '{2026-03-04 05:06:07+00}',
       '["2026-03-04 05:06:07+00",)', '(0.30000000000000004,1)');
    CREATE ROLE ${role} LOGIN PASSWORD 'secret';
    GRANT USAGE ON SCHEMA app TO ${role};
    GRANT SELECT ON ALL TABLES IN SCHEMA app TO ${role};
    ${Object.entries(HOSTILE)
      .map(([name, value]) => {
        const list = name === 'search_path' || name === 'datestyle' ? value : `'${value}'`;
        return `ALTER ROLE ${role} SET ${name} = ${list};`;
      })
      .join('\n')}
  `);
  reference = await payloads(await database.client({ options: startupOptions({}, '') }));
});

afterAll(async () => {
  await database.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  await database[Symbol.asyncDispose]();
});

describe('pinned settings', () => {
  test('the reference is what design and documentation say', () => {
    expect(reference).toEqual([
      '{"amount":"-$1,234.50","at":"2026-03-04T05:06:07.800000Z","ats":["2026-03-04T05:06:07.000000Z"],' +
        '"clock":"05:06:07+02","day":"2026-03-04","during":"[\\"2026-03-04 05:06:07+00\\",)","id":1,' +
        '"local":"2026-03-04T05:06:07.000000","mood":"sad","name":"Zürich","place":"(0.30000000000000004,1)",' +
        '"ratio":0.30000000000000004,"raw":"\\\\x0001ff5c","regclass":"app.\\"values\\"",' +
        '"small":0.33333334,"span":"P1Y2M3DT-4H-5M-6.7S"}',
    ]);
  });

  test('T-08, T-09: the role really has hostile settings', async () => {
    const client = await hostileClient();
    for (const [name, value] of Object.entries(HOSTILE)) {
      const { rows } = await client.query<{ value: string }>(
        `SELECT pg_catalog.current_setting('${name}') AS value`,
      );
      // node-postgres names the encoding in the start-up packet.
      if (name !== 'client_encoding') expect(rows[0]?.value).toBe(value);
    }
  });

  test('I6: a role with hostile settings changes nothing when they are pinned at start-up', async () => {
    const client = await hostileClient(startupOptions({}, ''));
    expect(await payloads(client)).toEqual(reference);
  });

  test('I6: a role with hostile settings changes nothing when they are pinned in the transaction', async () => {
    const client = await hostileClient();
    await client.query(`BEGIN; ${pinStatements('transaction')}`);
    expect(await payloads(client)).toEqual(reference);
    await client.query('ROLLBACK');
  });

  test('I9: values of a session that is not pinned are refused, not altered', async () => {
    const client = await hostileClient();
    const [event] = await captureRows(client, 'app.values');
    expect(() => event?.canonicalRow()).toThrow(ValueError);
    expect(() => event?.after).toThrow(ValueError);
    for (const column of ['at', 'local', 'day', 'span', 'raw', 'ats']) {
      expect(() => event?.canonicalRow((name) => name === column)).toThrow(`Column "${column}"`);
    }
  });

  test.each(STYLES)('I9: dates under DateStyle %s are refused', async (style) => {
    const client = await database.client();
    await client.query(`SET datestyle = ${style}`);
    const descriptor = await describeTable(client, 'app.values');
    const [texts = []] = await rowTexts(client, 'app.values');
    const event = insertOf(descriptor, tupleFromTexts(texts));
    for (const column of ['at', 'local', 'day', 'ats']) {
      expect(() => event.canonicalRow((name) => name === column)).toThrow(ValueError);
    }
  });
});
