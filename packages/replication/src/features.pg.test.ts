import type { ChangeEvent, LogicalMessage } from '@certyo-cdc/core';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { replicationSource } from './replication-source.ts';
import { captured, optionsOf, setUp } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v text)'];

const messages = (events: readonly ChangeEvent[]): readonly LogicalMessage[] =>
  events.flatMap((event) => (event.operation === 'message' ? [event] : []));

describe(replicationSource, () => {
  test('R-31: logical messages come in their transaction, others by themselves, by prefix', async () => {
    await using it = await captured(TABLE, { tables: ['t'], messages: ['app'] });
    let checkpoint;
    {
      await using reader = await openReader(it.source);
      await it.db.query(`BEGIN; INSERT INTO t VALUES (1, 'a');
        SELECT pg_logical_emit_message(true, 'app', 'inside');
        SELECT pg_logical_emit_message(true, 'other', 'left out');
        INSERT INTO t VALUES (2, 'b'); COMMIT`);
      await it.db.query(`BEGIN; SELECT pg_logical_emit_message(false, 'app', 'alone'); ROLLBACK`);
      await it.db.query(`BEGIN; SELECT pg_logical_emit_message(true, 'app', 'undone'); ROLLBACK`);
      await it.db.query(`SELECT pg_logical_emit_message(true, 'app', '\\x00ff'::bytea)`);
      await reader.caughtUp();
      const told = reader.events.map((event) =>
        event.operation === 'message' ? Buffer.from(event.content).toString('latin1') : 'row',
      );
      expect(told).toEqual(['row', 'inside', 'row', 'alone', '\u0000\u00ff']);
      const [inside, alone] = messages(reader.events);
      expect(inside).toMatchObject({ prefix: 'app', transactional: true });
      expect(inside?.transaction).toEqual(reader.rows[0]?.transaction);
      expect(alone).toMatchObject({ transactional: false, transaction: null });
      const ids = reader.events.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      const versions = messages(reader.events).map(({ version }) => version);
      expect([...versions].sort()).toEqual(versions);
      checkpoint = await reader.acknowledge();
    }
    await using again = await openReader(it.source, { after: checkpoint });
    await it.db.query(`SELECT pg_logical_emit_message(false, 'app', 'later')`);
    await again.caughtUp();
    expect(messages(again.events).map(({ content }) => String(content))).toEqual(['later']);
  });

  test('R-31: TRUNCATE of several tables by cascade is an event of each', async () => {
    await using it = await captured(
      [
        ...TABLE,
        'CREATE TABLE c (id int PRIMARY KEY REFERENCES t)',
        'CREATE TABLE u (id int PRIMARY KEY)',
      ],
      { tables: ['t', 'c', 'u'] },
    );
    await using reader = await openReader(it.source);
    await it.db.query('TRUNCATE u, t RESTART IDENTITY CASCADE');
    await reader.caughtUp();
    expect([...reader.told].sort()).toEqual(['truncate c', 'truncate t', 'truncate u']);
    expect(reader.events.map((event) => event.operation === 'truncate' && event.cascade)).toEqual([
      true,
      true,
      true,
    ]);
  });

  test('partitions may keep their names, also one that is made later and gone when it is read', async () => {
    await using it = await captured(
      [
        'CREATE TABLE p (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id)',
        'CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)',
      ],
      { tables: ['p'], partitions: 'leaf' },
    );
    await it.db.query(`INSERT INTO p VALUES (1, 'a')`);
    await it.db.query('CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)');
    await it.db.query('CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (20) TO (30)');
    await it.db.query(`INSERT INTO p VALUES (11, 'b'), (21, 'c')`);
    await it.db.query('DROP TABLE p2');
    await it.db.query('ALTER TABLE p DETACH PARTITION p3');
    await using reader = await openReader(it.source);
    await it.db.query(`UPDATE p SET v = 'z' WHERE id = 1`);
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert p1 {"id":1,"v":"a"}',
      'insert p2 {"id":11,"v":"b"}',
      'insert p3 {"id":21,"v":"c"}',
      'update p1 {"id":1,"v":"z"}',
    ]);
  });

  test('a column list leaves columns out, a row filter rows; setup makes both, once', async ({
    skip,
  }) => {
    const table = {
      schema: 'public',
      name: 't',
      columns: ['id', 'v'],
      where: 'id > 10 AND id % 2 = 0',
    };
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY, secret text, v text)'], {
      tables: ['t'],
    });
    const [{ major } = { major: 0 }] = await it.db.query<{ readonly major: number }>(
      "SELECT current_setting('server_version_num')::int / 10000 AS major",
    );
    const options = optionsOf(it.db, {
      tables: [table],
      slot: `${it.db.database}_2`,
      publication: 'two',
    });
    if (major < 15) {
      await expect(setUp(options)).rejects.toMatchObject({
        code: 'SOURCE_SETUP',
        message: expect.stringContaining('needs PostgreSQL 15') as string,
      });
      skip('PostgreSQL 15 and newer');
    }
    await setUp(options);
    const source = replicationSource(options);
    expect(await source.setup({ dryRun: true })).not.toContainEqual(
      expect.stringContaining('PUBLICATION'),
    );
    await using reader = await openReader(source);
    expect(reader.sourceEvents.map((e) => (e.type === 'source-warned' ? e.code : ''))).toEqual(
      expect.arrayContaining(['COLUMN_LIST', 'ROW_FILTER']),
    );
    await it.db.query(`INSERT INTO t VALUES (11, 'x', 'a'), (12, 'x', 'b')`);
    await it.db.query(`UPDATE t SET id = 14 WHERE id = 12`);
    await it.db.query(`UPDATE t SET id = 13 WHERE id = 14`);
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"id":12,"v":"b"}',
      'update t {"id":14,"v":"b"}',
      'delete t {"id":14}',
    ]);
    const other = { ...options, tables: [{ ...table, where: 'id > 10' }] };
    await expect(
      replicationSource(other).open({ after: null, signal: new AbortController().signal }),
    ).rejects.toMatchObject({ message: expect.stringContaining('another row filter') as string });
  });

  test('R-19: tables made later in a captured schema come from their first row; one without a key is warned of', async ({
    skip,
  }) => {
    await using it = await captured(['CREATE SCHEMA s', ...TABLE], { tables: ['t'] });
    const [{ major } = { major: 0 }] = await it.db.query<{ readonly major: number }>(
      "SELECT current_setting('server_version_num')::int / 10000 AS major",
    );
    if (major < 15) skip('PostgreSQL 15 and newer');
    const options = optionsOf(it.db, {
      schemas: ['s'],
      slot: `${it.db.database}_2`,
      publication: 'two',
    });
    await setUp(options);
    await using reader = await openReader(replicationSource(options));
    await it.db.query('CREATE TABLE s.later (id int PRIMARY KEY, v text)');
    await it.db.query(`INSERT INTO s.later VALUES (1, 'first')`);
    await it.db.query(`INSERT INTO t VALUES (1, 'not captured')`);
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert later {"id":1,"v":"first"}']);
    await it.db.query('CREATE TABLE s.keyless (v text)');
    const codes = (): string[] =>
      reader.sourceEvents.map((event) => (event.type === 'source-warned' ? event.code : ''));
    await expect.poll(codes).toContain('TABLE_WITHOUT_KEY');
    await it.db.query(`INSERT INTO s.keyless VALUES ('x')`);
    expect(await reader.ended()).toMatchObject({ code: 'SOURCE_SETUP' });
  });

  test('origin none leaves out what replication has brought', async ({ skip }) => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const [{ major } = { major: 0 }] = await it.db.query<{ readonly major: number }>(
      "SELECT current_setting('server_version_num')::int / 10000 AS major",
    );
    const options = optionsOf(it.db, { tables: ['t'], origin: 'none' });
    if (major < 16) {
      await expect(setUp(options)).rejects.toMatchObject({ code: 'SOURCE_SETUP' });
      skip('PostgreSQL 16 and newer');
    }
    await using reader = await openReader(replicationSource(options));
    const client = await it.db.client();
    await client.query(`INSERT INTO t VALUES (1, 'own')`);
    const origin = it.db.database;
    await client.query('SELECT pg_replication_origin_create($1)', [origin]);
    await client.query('SELECT pg_replication_origin_session_setup($1)', [origin]);
    await client.query(`INSERT INTO t VALUES (2, 'brought')`);
    await client.query('SELECT pg_replication_origin_session_reset()');
    await client.query('SELECT pg_replication_origin_drop($1)', [origin]);
    await client.query(`INSERT INTO t VALUES (3, 'own')`);
    await reader.caughtUp();
    expect(reader.rows.map(({ key }) => key['id'])).toEqual([1, 3]);
  });
});
