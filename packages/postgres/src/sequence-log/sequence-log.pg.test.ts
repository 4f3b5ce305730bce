import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { LOG_TABLE_SQL, notes, sessionOf, testLog } from './testing/log-table.ts';

const signal = new AbortController().signal;

describe('openSequenceLog', () => {
  test('O-01: a row that commits later than those behind it is waited for', async () => {
    await using db = await testDatabase();
    await db.query(LOG_TABLE_SQL);
    const late = await db.client();
    await using session = disposable(sessionOf(db));
    const log = testLog(session.value);
    await db.query("INSERT INTO log (note) VALUES ('a')");
    await late.query("BEGIN; INSERT INTO log (note) VALUES ('b')");
    await db.query("INSERT INTO log (note) VALUES ('c')");
    const first = await log.read({ signal });
    expect(notes(first)).toEqual(['a']);
    expect(first).toMatchObject({ through: 1n, endsAt: 1n, pending: true, hasMore: false });
    expect(first.waitingFor).toHaveLength(1);
    expect(notes(await log.read({ signal }))).toEqual([]);
    await late.query('COMMIT');
    const second = await log.read({ signal });
    expect(notes(second)).toEqual(['b', 'c']);
    expect(second).toMatchObject({ through: 3n, endsAt: 3n, pending: false, hasMore: false });
  });

  test('a number that was rolled back is passed as soon as its transaction is over', async () => {
    await using db = await testDatabase();
    await db.query(LOG_TABLE_SQL);
    const late = await db.client();
    await using session = disposable(sessionOf(db));
    const log = testLog(session.value);
    await late.query("BEGIN; INSERT INTO log (note) VALUES ('a')");
    await db.query("INSERT INTO log (note) VALUES ('b')");
    expect(await log.read({ signal })).toMatchObject({ rows: [], through: 0n, pending: true });
    await late.query('ROLLBACK');
    await expect.poll(async () => notes(await log.read({ signal }))).toEqual(['b']);
  });
});

function disposable<T extends { close(): Promise<void> }>(
  value: T,
): { readonly value: T } & AsyncDisposable {
  return { value, [Symbol.asyncDispose]: () => value.close() };
}
