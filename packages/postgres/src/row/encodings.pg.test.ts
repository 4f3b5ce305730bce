import { Buffer } from 'node:buffer';

import { ValueError } from '@certyo-cdc/core';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import type { Client } from 'pg';
import { tupleOf } from './tuple.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startupOptions } from '../connection/pinned-settings.ts';
import { describeTable, insertOf } from './testing/captured-rows.ts';
import type { RowDescriptor } from './row-descriptor.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
const clients: Client[] = [];

/** A connection to a new database in another encoding. */
async function encoded(encoding: string): Promise<Client> {
  const name = `${database.database}_${clients.length}`;
  await database.query(
    `CREATE DATABASE ${name} ENCODING '${encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`,
  );
  const client = await database.client({ database: name, options: startupOptions({}, '') });
  clients.push(client);
  return client;
}

/** The bytes that the server sends for a text column, which node-postgres would have decoded. */
async function bytesOf(client: Client, table: string): Promise<Buffer> {
  const { rows } = await client.query<{ hex: string }>(
    `SELECT encode(textsend(value), 'hex') AS hex FROM ${table}`,
  );
  return Buffer.from(rows[0]?.hex ?? '', 'hex');
}

function payloadOf(descriptor: RowDescriptor, bytes: Buffer): string {
  const spans = Int32Array.of(0, bytes.length);
  return insertOf(descriptor, tupleOf(bytes, spans)).canonicalRow();
}

beforeAll(async () => {
  database = await testDatabase();
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.end()));
  for (const client of clients) await database.query(`DROP DATABASE ${String(client.database)}`);
  await database[Symbol.asyncDispose]();
});

describe('T-15: databases that are not in UTF-8', () => {
  test('LATIN1 is converted by the server', async () => {
    const client = await encoded('LATIN1');
    await client.query(`CREATE TABLE public.t (value text)`);
    await client.query(`INSERT INTO public.t VALUES ('Zürich ÿ')`);
    const descriptor = await describeTable(client, 'public.t');
    expect(payloadOf(descriptor, await bytesOf(client, 'public.t'))).toBe('{"value":"Zürich ÿ"}');
  });

  test('SQL_ASCII: with client_encoding UTF8 the server itself refuses bytes that are not UTF-8', async () => {
    const client = await encoded('SQL_ASCII');
    await client.query(`CREATE TABLE public.good (value text)`);
    await client.query(`CREATE TABLE public.bad (value text)`);
    await client.query(`INSERT INTO public.good VALUES ('Zürich \ufffd')`);
    await client.query(`INSERT INTO public.bad VALUES (E'Z\\xfcrich')`);
    const good = await describeTable(client, 'public.good');
    expect(payloadOf(good, await bytesOf(client, 'public.good'))).toBe('{"value":"Zürich \ufffd"}');
    await expect(client.query('SELECT value FROM public.bad')).rejects.toMatchObject({
      code: '22021',
    });
  });

  test('SQL_ASCII: with client_encoding SQL_ASCII the column is named, and other rows pass', async () => {
    const client = await encoded('SQL_ASCII');
    await client.query('SET client_encoding = SQL_ASCII');
    await client.query(`CREATE TABLE public.good (value text)`);
    await client.query(`CREATE TABLE public.bad (value text)`);
    await client.query(`INSERT INTO public.good VALUES ('Zürich \ufffd')`);
    await client.query(`INSERT INTO public.bad VALUES (E'Z\\xfcrich')`);
    const good = await describeTable(client, 'public.good');
    expect(payloadOf(good, await bytesOf(client, 'public.good'))).toBe('{"value":"Zürich \ufffd"}');
    const bad = await describeTable(client, 'public.bad');
    const bytes = await bytesOf(client, 'public.bad');
    expect(bytes.includes(0xfc)).toBe(true);
    expect(() => payloadOf(bad, bytes)).toThrow(ValueError);
    expect(() => payloadOf(bad, bytes)).toThrow('Column "value" of "public"."bad"');
  });
});
