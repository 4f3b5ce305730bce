import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured } from './testing/captured.ts';

describe('pollingSource by id', () => {
  test('gives added rows in the order of their numbers, waits for a gap and passes one that was rolled back', async () => {
    await using it = await captured(
      ['CREATE TABLE log (id bigserial PRIMARY KEY, flag boolean, code char(4))'],
      { tables: [{ table: 'log', cursor: { kind: 'id', column: 'id' } }] },
    );
    const early = await it.db.client();
    await early.query('BEGIN');
    await early.query("INSERT INTO log (flag, code) VALUES (true, 'a')");
    await it.db.query("INSERT INTO log (flag, code) VALUES (false, 'b')");
    await using reader = await openReader(it.source);
    const back = await it.db.client();
    await back.query('BEGIN');
    await back.query('INSERT INTO log (flag) VALUES (true)');
    await back.query('ROLLBACK');
    expect(reader.told).toEqual([]);
    await early.query('COMMIT');
    await it.db.query('INSERT INTO log DEFAULT VALUES');
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'snapshot log {"code":"a   ","flag":true,"id":"1"}',
      'snapshot log {"code":"b   ","flag":false,"id":"2"}',
      'snapshot log {"code":null,"flag":null,"id":"4"}',
    ]);
    const checkpoint = await reader.acknowledge();
    await reader[Symbol.asyncDispose]();
    await it.db.query('INSERT INTO log (flag) VALUES (true)');
    await using again = await openReader(it.source, { after: checkpoint });
    await again.caughtUp();
    expect(again.told).toEqual(['snapshot log {"code":null,"flag":true,"id":"5"}']);
  });
});

describe('pollingSource by timestamp', () => {
  const table = {
    table: 't',
    cursor: { kind: 'timestamp', column: 'at', overlapMs: 60_000 },
  } as const;

  test('P-01, P-02: finds what is committed late, and a stamp that goes back, with versions that grow', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY, n int, at timestamptz NOT NULL)'],
      { tables: [table] },
    );
    await using reader = await openReader(it.source);
    // The first pass waits for what is running then.
    await reader.caughtUp();
    const late = await it.db.client();
    await late.query('BEGIN');
    await late.query('INSERT INTO t VALUES (1, 1, now())');
    await it.db.query('INSERT INTO t VALUES (2, 1, now())');
    await reader.caughtUp();
    await it.db.query('INSERT INTO t VALUES (3, 1, now())');
    await reader.caughtUp();
    await late.query('UPDATE t SET n = 2, at = now() WHERE id = 3');
    await late.query('COMMIT');
    await reader.caughtUp();
    await reader.caughtUp();
    const seen = reader.rows.map((row) => `${String(row.key['id'])}:${String(row.after?.['n'])}`);
    expect(seen.toSorted()).toEqual(['1:1', '2:1', '3:1', '3:2']);
    const versions = reader.rows.filter((row) => row.key['id'] === 3).map((row) => row.version);
    expect(versions).toEqual([...new Set(versions)].toSorted());
    expect(new Set(reader.rows.map(({ id }) => id)).size).toBe(4);
  });

  test('finds what a transaction that writes for longer than the overlap commits', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())'],
      { tables: [{ ...table, cursor: { ...table.cursor, overlapMs: 300 } }] },
    );
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    const long = await it.db.client();
    await long.query('BEGIN');
    await long.query('INSERT INTO t VALUES (1)');
    let last = 1;
    for (const beganAtMs = Date.now(); Date.now() - beganAtMs < 1_000;) {
      last += 1;
      await it.db.query('INSERT INTO t VALUES ($1)', [last]);
      await reader.caughtUp();
    }
    await long.query('COMMIT');
    await reader.caughtUp();
    const ids = reader.rows.map((row) => Number(row.key['id'])).toSorted((a, b) => a - b);
    expect(ids).toEqual(Array.from({ length: last }, (_, index) => index + 1));
  });

  test('P-03, P-04: 2,500 rows of one stamp, microseconds, infinity and BC: each once, stamps to the last digit', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (a text, b int, at timestamptz NOT NULL, PRIMARY KEY (a, b))',
        "INSERT INTO t SELECT 'x' || i % 7, i, '2026-01-31 12:00:00.123456+00' FROM generate_series(1, 2500) i",
        `INSERT INTO t VALUES ('future', 1, 'infinity'), ('past', 1, '-infinity'), ('old', 1, '0044-03-15 12:00:00.000001 BC'),
           ('micro', 1, '2026-01-31 12:00:00.123457+00'), ('micro', 2, '2026-01-31 12:00:00.123458+00'), ('far', 1, '12026-01-31 12:00:00+00')`,
      ],
      { tables: [table], maxPageRows: 1_000 },
    );
    await using reader = await openReader(it.source);
    for (let pass = 0; pass < 4; pass++) await reader.caughtUp();
    expect(reader.rows.length).toBe(2_506);
    expect(new Set(reader.rows.map(({ id }) => id)).size).toBe(2_506);
    const at = (a: string): unknown[] =>
      reader.rows.filter((row) => row.key['a'] === a).map((row) => row.after?.['at']);
    expect(at('micro')).toEqual(['2026-01-31T12:00:00.123457Z', '2026-01-31T12:00:00.123458Z']);
    expect(at('future')).toEqual(['infinity']);
    expect(at('old')).toEqual(['0044-03-15 12:00:00.000001+00 BC']);
    const version = (a: string): string =>
      reader.rows.find((row) => row.key['a'] === a)?.version ?? '';
    const order = ['past', 'old', 'micro', 'far', 'future'].map(version);
    expect(order).toEqual(order.toSorted());
  });
});
