import { DeadLetterError, type NewDeadLetter } from '@certyo-cdc/core';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { postgresDeadLetterStore } from './postgres-dead-letter-store.ts';
import { deadLetterGrantSql } from './sql.ts';

const { signal } = new AbortController();

function letter(eventId: string, more: Partial<NewDeadLetter> = {}): NewDeadLetter {
  return {
    lane: 'orders/1',
    eventId,
    itemIndex: 0,
    item: `{"event":"${eventId}"}`,
    errorCode: 'RECORD_REJECTED',
    errorMessage: 'The API rejected a record.',
    sentSinceMs: 1_700_000_000_123,
    ...more,
  };
}

describe('postgresDeadLetterStore', () => {
  test('parks in order, once each, and lists by lane and page', async () => {
    await using database = await testDatabase();
    const store = postgresDeadLetterStore({ connection: database.url });
    try {
      await store.setup({ signal });
      await store.setup({ signal });
      const letters = [
        letter('e1'),
        letter('e2', { lane: 'orders/2', sentSinceMs: null }),
        letter('e3', { itemIndex: 0 }),
        letter('e3', { itemIndex: 1, item: 'a \\ "b" {c}, \'d\' NULL é 😀' }),
      ];
      await store.park('p', letters, { signal });
      await store.park('p', [...letters, letter('e4', { lane: 'orders/2' })], { signal });
      await store.park('other', [letter('e1')], { signal });
      const all = await store.list('p', { limit: 100, signal });
      expect(all.map((each) => `${each.eventId}.${String(each.itemIndex)}`)).toEqual([
        'e1.0',
        'e2.0',
        'e3.0',
        'e3.1',
        'e4.0',
      ]);
      expect(all[1]).toMatchObject({ ...letters[1] });
      expect(all[3]).toMatchObject({ ...letters[3] });
      const sequences = all.map((each) => BigInt(each.sequence));
      expect(sequences).toEqual(sequences.toSorted((a, b) => (a < b ? -1 : 1)));
      expect(await store.lanes('p', { signal })).toEqual(['orders/1', 'orders/2']);
      const second = await store.list('p', { lane: 'orders/2', limit: 1, signal });
      expect(second.map((each) => each.eventId)).toEqual(['e2']);
      const rest = await store.list('p', {
        lane: 'orders/2',
        after: second[0]?.sequence,
        limit: 9,
        signal,
      });
      expect(rest.map((each) => each.eventId)).toEqual(['e4']);
      await store.remove('p', [all[0]?.sequence ?? '', all[1]?.sequence ?? ''], { signal });
      expect(await store.list('p', { limit: 100, signal })).toHaveLength(3);
      expect(await store.list('other', { limit: 100, signal })).toHaveLength(1);
    } finally {
      await store.close();
    }
  });

  test('takes lanes and ids longer than an index entry, and thousands of letters at once', async () => {
    await using database = await testDatabase();
    const store = postgresDeadLetterStore({ connection: database.url });
    try {
      await store.setup({ signal });
      // Random text, since PostgreSQL would compress a repeated one into the index.
      const long = Array.from({ length: 2000 }, () => Math.random().toString(36)).join('');
      await store.park('p', [letter(long, { lane: long })], { signal });
      expect(await store.lanes('p', { signal })).toEqual([long]);
      expect(await store.list('p', { lane: long, limit: 2, signal })).toHaveLength(1);
      const many = Array.from({ length: 2300 }, (_, index) =>
        letter(`m${String(index)}`, { lane: 'm' }),
      );
      await store.park('p', many, { signal });
      const listed = await store.list('p', { lane: 'm', limit: 5000, signal });
      expect(listed.map((each) => each.eventId)).toEqual(many.map((each) => each.eventId));
    } finally {
      await store.close();
    }
  });

  test('refuses what PostgreSQL cannot hold exactly, and says what to run when it is not set up', async () => {
    await using database = await testDatabase();
    const role = `dead_${database.database}`;
    await database.query(`CREATE ROLE ${role} LOGIN`);
    const owner = postgresDeadLetterStore({ connection: database.url });
    const url = new URL(database.url);
    url.username = role;
    const store = postgresDeadLetterStore({
      connection: { connectionString: url.href, password: 'x' },
    });
    try {
      const missing = store.park('p', [letter('e1')], { signal });
      await expect(missing).rejects.toThrow('CREATE TABLE IF NOT EXISTS "certyo".dead_letters');
      await owner.setup({ signal });
      for (const statement of deadLetterGrantSql(role)) await database.query(statement);
      await store.park('p', [letter('e1', { errorMessage: 'odd \0 message' })], { signal });
      for (const item of ['NUL \0', 'half \uD83D'])
        await expect(store.park('p', [letter('e2', { item })], { signal })).rejects.toThrow(
          DeadLetterError,
        );
      const listed = await store.list('p', { limit: 9, signal });
      expect(listed.map((each) => each.errorMessage)).toEqual(['odd \u{FFFD} message']);
      await store.remove('p', [listed[0]?.sequence ?? ''], { signal });
      await owner.teardown({ signal });
      await expect(store.lanes('p', { signal })).rejects.toMatchObject({ retryable: false });
    } finally {
      await owner.close();
      await store.close();
      await database.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});
