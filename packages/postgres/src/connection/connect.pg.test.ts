import { testDatabase } from '@certyo-cdc/testing/vitest';
import pg from 'pg';
import { describe, expect, test } from 'vitest';

import { classifyPostgresError } from '../sqlstate/classify-postgres-error.ts';
import { connect } from './connect.ts';
import { resolveConnection } from './resolve-connection.ts';
import { queryText } from './text-query.ts';

const never = new AbortController().signal;

/** Settings of a role that change what values look like, each of them. */
const HOSTILE: Readonly<Record<string, string>> = {
  datestyle: "'SQL, DMY'",
  timezone: "'Asia/Kolkata'",
  bytea_output: "'escape'",
  intervalstyle: "'postgres_verbose'",
  extra_float_digits: '-15',
  search_path: 'public, pg_catalog',
  quote_all_identifiers: 'on',
  standard_conforming_strings: 'off',
  client_encoding: "'LATIN1'",
  statement_timeout: '1',
};

const VALUES = `SELECT '2026-02-01 05:30:00.123456+00'::timestamptz AS stamp, '\\x00ff'::bytea AS bytes,
  interval '1 day -2 hours' AS span, 0.1::float8 + 0.2::float8 AS float, 'é' AS letter, 'pg_class'::regclass AS name`;

describe('connect', () => {
  for (const replication of [false, true])
    test(`T-01: hostile role settings change nothing (replication: ${String(replication)})`, async () => {
      await using database = await testDatabase();
      const role = `hostile_${database.database}`;
      await database.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'pw'`);
      try {
        for (const [name, value] of Object.entries(HOSTILE))
          await database.query(`ALTER ROLE ${role} SET ${name} = ${value}`);
        const url = new URL(database.url);
        url.username = role;
        url.password = 'pw';
        const client = await connect(resolveConnection(url.href, {}), {
          replication,
          signal: never,
        });
        try {
          const { rows } = await queryText(client, VALUES);
          expect({ ...rows[0] }).toEqual({
            stamp: '2026-02-01 05:30:00.123456+00',
            bytes: String.raw`\x00ff`,
            span: 'P1DT-2H',
            float: '0.30000000000000004',
            letter: 'é',
            name: 'pg_class',
          });
        } finally {
          await client.end();
        }
      } finally {
        await database.query(`DROP ROLE ${role}`);
      }
    });

  test('gives values as text, whatever parsers the application has set', async () => {
    await using database = await testDatabase();
    const int4 = pg.types.getTypeParser(23);
    pg.types.setTypeParser(23, () => 'altered');
    try {
      const client = await connect(resolveConnection(database.url, {}), { signal: never });
      const { rows } = await queryText(
        client,
        'SELECT 1::int4 AS number, now() AS stamp, NULL AS nothing',
      );
      expect(rows[0]?.['number']).toBe('1');
      expect(typeof rows[0]?.['stamp']).toBe('string');
      expect(rows[0]?.['nothing']).toBeNull();
      await client.end();
    } finally {
      pg.types.setTypeParser(23, int4);
    }
  });

  test('D-07: a connection that the server ends while idle does not end the process', async () => {
    await using database = await testDatabase();
    const client = await connect(resolveConnection(database.url, {}), {
      applicationName: 'idle one',
      signal: never,
    });
    const ended = new Promise((resolve) => {
      client.once('end', resolve);
    });
    await database.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'idle one'",
    );
    await ended;
    await expect(client.query('SELECT 1')).rejects.toThrow();
  });

  test('D-01: a slot that another connection uses is told as busy', async () => {
    await using database = await testDatabase();
    const slot = `busy_${database.database}`;
    await database.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
    await database.query('CREATE PUBLICATION p');
    const connection = resolveConnection(database.url, {});
    const start = `START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names 'p')`;
    const clients = [
      await connect(connection, { replication: true, signal: never }),
      await connect(connection, { replication: true, signal: never }),
    ];
    try {
      const running = clients[0]?.query(start).catch(() => {});
      await expect
        .poll(() =>
          database.query('SELECT 1 FROM pg_replication_slots WHERE active AND slot_name = $1', [
            slot,
          ]),
        )
        .toHaveLength(1);
      const second = await clients[1]?.query(start).catch((error: unknown) => error);
      expect(classifyPostgresError(second)).toMatchObject({ code: 'SOURCE_BUSY', retryable: true });
      await clients[0]?.end();
      await running;
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
  });
});
