import { testDatabase } from '@certyo-cdc/testing/vitest';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { resolveTables } from '../catalog/resolve-tables.ts';
import { connect } from '../connection/connect.ts';
import { resolveConnection } from '../connection/resolve-connection.ts';
import { sqlSession } from '../connection/sql-session.ts';
import { queryText } from '../connection/text-query.ts';
import { MAX_IDENTIFIER_BYTES, qualifiedName, quoteIdentifier, quoteLiteral } from './quote.ts';

const { signal } = new AbortController();

/** Pieces of which attempts to break out of quotes are made, beside any characters. */
const HOSTILE = [
  '"',
  "'",
  '\\',
  ';',
  '--',
  '/*',
  '*/',
  '$$',
  '$1',
  '.',
  '\n',
  '\r',
  '\t',
  '%',
  'é',
  '😀',
  '\u2028',
  ' ',
  'DROP TABLE victim',
  '\\x22',
  'U&"',
];

const name = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'grapheme', maxLength: 6 })), {
    minLength: 1,
    maxLength: 12,
  })
  .map((parts) => parts.join('').replaceAll('\0', ''))
  .filter((text) => text !== '' && Buffer.byteLength(text) <= MAX_IDENTIFIER_BYTES);

const OBJECTS =
  "SELECT count(*) AS n, string_agg(relname, ',' ORDER BY relname) AS names FROM pg_class WHERE relnamespace = 'public'::regnamespace";

/** In the titles, so that a failure can be run again. */
const seed = Math.trunc(Math.random() * 2 ** 31);

describe('quoting against the server', () => {
  test(`5,000 fuzzed identifiers and literals come back as they were, and no object changes (seed ${String(seed)})`, async () => {
    await using database = await testDatabase();
    await database.query('CREATE TABLE victim (id int)');
    const before = await database.query(OBJECTS);
    const client = await connect(resolveConnection(database.url, {}), { signal });
    const loose = await connect(resolveConnection(database.url, {}), { signal });
    await queryText(
      loose,
      'SET standard_conforming_strings = off; SET escape_string_warning = off',
    ).catch(
      // A server that no longer knows the setting has it on for good.
      () => {},
    );
    const names = fc.sample(name, { numRuns: 5000, seed });
    try {
      for (let at = 0; at < names.length; at += 250) {
        const part = names.slice(at, at + 250);
        const sql = `SELECT ${part.map((each) => `${quoteLiteral(each)} AS ${quoteIdentifier(each)}`).join(', ')}`;
        for (const each of [client, loose]) {
          const { columns, rows } = await queryText(each, sql);
          expect(columns).toEqual(part);
          for (const text of part) expect(rows[0]?.[text]).toBe(text);
        }
      }
    } finally {
      await client.end();
      await loose.end();
    }
    expect(await database.query(OBJECTS)).toEqual(before);
  });

  test(`tables of any name and schema are made and found again (seed ${String(seed)})`, async () => {
    await using database = await testDatabase();
    const session = sqlSession(resolveConnection(database.url, {}));
    // pg_ is reserved for the system.
    const names = [...new Set(fc.sample(name, { numRuns: 60, seed }))].filter(
      (each) => !each.startsWith('pg_'),
    );
    try {
      const tables = names.map((each, index) => ({ schema: names[index % 7] ?? each, name: each }));
      for (const schema of new Set(tables.map((table) => table.schema)))
        await session.query(`CREATE SCHEMA ${quoteIdentifier(schema)}`, [], { signal });
      for (const table of tables)
        await session.query(
          `CREATE TABLE ${qualifiedName(table)} (${quoteIdentifier(table.name)} int PRIMARY KEY)`,
          [],
          { signal },
        );
      const found = await resolveTables(session, tables, { signal });
      expect(found.map(({ schema, name: table }) => ({ schema, name: table }))).toEqual(tables);
      expect(found.map((table) => table.primaryKey)).toEqual(names.map((each) => [each]));
      // And as text, as a user would write them.
      const written = await resolveTables(session, tables.map(qualifiedName), { signal });
      expect(written.map((table) => table.oid)).toEqual(found.map((table) => table.oid));
    } finally {
      await session.close();
    }
  });
});
