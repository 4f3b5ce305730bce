import { checkJsonForm, openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured } from './testing/captured.ts';

const LSN = /^[0-9A-F]+\/(?!0$)[0-9A-F]+$/;

describe('JSON form', () => {
  test('carries all that pypgoutput prints, in its own example', async () => {
    await using it = await captured(
      ['CREATE TABLE public.readme (id integer primary key, created_at timestamptz default now())'],
      { tables: ['public.readme'] },
    );
    await using reader = await openReader(it.source);
    await it.db.query(
      'INSERT INTO public.readme (id) SELECT data FROM generate_series(1, 3) AS data',
    );
    await reader.caughtUp();
    const printed = reader.events.map((event) => JSON.parse(JSON.stringify(event)) as unknown);
    const [{ oid } = { oid: 0 }] = await it.db.query<{ oid: number }>(
      "SELECT 'public.readme'::regclass::oid::int8::float8 AS oid",
    );
    expect(printed).toEqual(
      [1, 2, 3].map((id) => ({
        // op, message_id, lsn
        operation: 'insert',
        id: expect.stringMatching(/\/public\.readme\/\d$/) as string,
        lsn: expect.stringMatching(LSN) as string,
        // transaction: tx_id, begin_lsn, commit_ts
        transaction: {
          xid: expect.stringMatching(/^\d+$/) as string,
          committedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as string,
          beginLsn: expect.stringMatching(LSN) as string,
          commitLsn: expect.stringMatching(LSN) as string,
        },
        // table_schema: column_definitions, db, schema_name, table, relation_id
        table: {
          columns: [
            { name: 'id', isKey: true, typeOid: 23, typeName: 'integer', nullable: false },
            {
              name: 'created_at',
              isKey: false,
              typeOid: 1184,
              typeName: 'timestamp with time zone',
              nullable: true,
            },
          ],
          database: it.db.database,
          schema: 'public',
          name: 'readme',
          oid,
        },
        before: null,
        after: {
          id,
          created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as string,
        },
        // What it does not print.
        key: { id },
        previousKey: null,
        unavailable: [],
        version: expect.any(String) as string,
        source: {
          kind: 'replication',
          name: it.db.database,
          systemIdentifier: expect.stringMatching(/^\d+$/) as string,
        },
      })),
    );
    const positions = reader.rows.map((row) => row.lsn);
    expect(new Set(positions).size).toBe(3);
    expect([...positions].sort()).toEqual(positions);
  });

  test('every kind of event parses, and a copy of one too; the position is where it was written', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY, j jsonb)', 'ALTER TABLE t REPLICA IDENTITY FULL'],
      { tables: ['t'], messages: true },
    );
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, '{"n": 123456789012345678901234567890.10}')`);
    await it.db.query('BEGIN; ALTER TABLE t ADD v int; UPDATE t SET id = 2; COMMIT');
    await it.db.query('DELETE FROM t; TRUNCATE t');
    await it.db.query(`SELECT pg_logical_emit_message(true, 'p', '\\x00ff'::bytea)`);
    await it.db.query(`SELECT pg_logical_emit_message(false, 'p', '')`);
    await reader.caughtUp();
    expect(reader.events.map(({ operation }) => operation)).toEqual([
      'insert',
      'schema',
      'update',
      'delete',
      'truncate',
      'message',
      'message',
    ]);
    for (const event of reader.events) {
      checkJsonForm(event);
      expect(event.lsn).toMatch(LSN);
      if (event.transaction !== null) expect(event.transaction.beginLsn).toMatch(LSN);
    }
  });
});
