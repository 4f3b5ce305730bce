import {
  type ChangeSourceFixture,
  describeChangeSource,
  type RowStatement,
} from '@certyo-cdc/testing/vitest';
import type { DurableSourceOptions } from './options.ts';
import { captured, sourceOf } from './testing/captured.ts';

async function fixture(doorbell: DurableSourceOptions['doorbell']): Promise<ChangeSourceFixture> {
  const options = { tables: ['records'], doorbell };
  const it = await captured(
    ['CREATE TABLE records (id int PRIMARY KEY, value text NOT NULL)'],
    options,
  );
  const client = await it.db.client();
  const run = async (statements: readonly RowStatement[], end: string): Promise<void> => {
    await client.query('BEGIN');
    for (const statement of statements) {
      const { operation, id } = statement;
      if (operation === 'delete') await client.query('DELETE FROM records WHERE id = $1', [id]);
      else {
        await client.query(
          operation === 'insert'
            ? 'INSERT INTO records VALUES ($1, $2)'
            : 'UPDATE records SET value = $2 WHERE id = $1',
          [id, statement.value],
        );
      }
    }
    await client.query(end);
  };
  return {
    source: () => sourceOf(it.db, options),
    commit: (statements) => run(statements, 'COMMIT'),
    rollBack: (statements) => run(statements, 'ROLLBACK'),
    [Symbol.asyncDispose]: () => it[Symbol.asyncDispose](),
  };
}

for (const doorbell of ['armed', 'always', false] as const) {
  describeChangeSource(`listen-notify, doorbell ${doorbell}`, { create: () => fixture(doorbell) });
}
