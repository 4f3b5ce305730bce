import { shareSource } from '@certyo-cdc/core';
import { memoryCheckpointStore } from '@certyo-cdc/testing';
import {
  type ChangeSourceFixture,
  describeChangeSource,
  type RowStatement,
} from '@certyo-cdc/testing/vitest';
import { captured, sourceOf } from './testing/captured.ts';

/** A consumer of a slot that it shares with one that is never started: the slot stays where it began. */
async function fixture(): Promise<ChangeSourceFixture> {
  const it = await captured(['CREATE TABLE records (id int PRIMARY KEY, value text NOT NULL)'], {
    tables: ['records'],
  });
  const checkpoints = memoryCheckpointStore();
  const client = await it.db.client();
  const run = async (statements: readonly RowStatement[], end: string): Promise<void> => {
    await client.query('BEGIN');
    const rows = statements.flatMap((each) => (each.operation === 'insert' ? [each] : []));
    if (rows.length === statements.length) {
      await client.query('INSERT INTO records SELECT * FROM unnest($1::int[], $2::text[])', [
        rows.map(({ id }) => id),
        rows.map(({ value }) => value),
      ]);
      await client.query(end);
      return;
    }
    for (const statement of statements) {
      const { id, operation } = statement;
      if (operation === 'delete') await client.query('DELETE FROM records WHERE id = $1', [id]);
      else if (operation === 'insert') {
        await client.query('INSERT INTO records VALUES ($1, $2)', [id, statement.value]);
      } else {
        await client.query('UPDATE records SET value = $2 WHERE id = $1', [id, statement.value]);
      }
    }
    await client.query(end);
  };
  return {
    source: () =>
      shareSource(sourceOf(it.db, { tables: ['records'], checkpoints }), {
        consumers: ['a', 'b'],
        maxBufferBytes: 10_000,
      }).consumer('a'),
    commit: (statements) => run(statements, 'COMMIT'),
    rollBack: (statements) => run(statements, 'ROLLBACK'),
    [Symbol.asyncDispose]: () => it[Symbol.asyncDispose](),
  };
}

describeChangeSource('shareSource over a slot', { create: fixture });
