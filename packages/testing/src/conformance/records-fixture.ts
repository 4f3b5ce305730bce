import type { ChangeSource } from '@certyo-cdc/core';

import type { TestDatabase } from '../postgres/test-database.ts';
import type { ChangeSourceFixture, RowStatement } from './change-source-harness.ts';

/** Makes the table that `recordsFixture` writes to. */
export const CREATE_RECORDS = 'CREATE TABLE records (id int PRIMARY KEY, value text NOT NULL)';

/**
 * A fixture of `describeChangeSource` over the table `records` of a database of its own, which goes with it.
 *
 * @param source Makes a source over that table, which is set up.
 * @param options `stamp` names a column that every update sets to the time, where the source needs one.
 */
export async function recordsFixture(
  db: TestDatabase,
  source: () => ChangeSource,
  options: { readonly stamp?: string | undefined } = {},
): Promise<ChangeSourceFixture> {
  const stamp = options.stamp === undefined ? '' : `, ${options.stamp} = now()`;
  const client = await db.client();
  const write = async (statement: RowStatement): Promise<unknown> => {
    const { id } = statement;
    switch (statement.operation) {
      case 'delete':
        return await client.query('DELETE FROM records WHERE id = $1', [id]);
      case 'insert':
        return await client.query('INSERT INTO records (id, value) VALUES ($1, $2)', [
          id,
          statement.value,
        ]);
      case 'update':
        return await client.query(`UPDATE records SET value = $2${stamp} WHERE id = $1`, [
          id,
          statement.value,
        ]);
    }
  };
  const run = async (statements: readonly RowStatement[], end: string): Promise<void> => {
    await client.query('BEGIN');
    for (const statement of statements) await write(statement);
    await client.query(end);
  };
  return {
    source,
    commit: (statements) => run(statements, 'COMMIT'),
    rollBack: (statements) => run(statements, 'ROLLBACK'),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  };
}
