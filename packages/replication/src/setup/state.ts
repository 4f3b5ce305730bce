import {
  checkpointSetupSql,
  checkpointTeardownSql,
  deadLetterSetupSql,
  deadLetterTeardownSql,
  qualifiedName,
  type SqlExecutor,
} from '@certyo-cdc/postgres';

/** What is missing of the tables that hold checkpoints and parked records. Empty when both are there. */
export async function stateSetupSql(
  session: SqlExecutor,
  schema: string,
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const tables = [
    { name: 'checkpoints', sql: checkpointSetupSql(schema) },
    { name: 'dead_letters', sql: deadLetterSetupSql(schema) },
  ];
  const statements: string[] = [];
  for (const { name, sql } of tables) {
    const { rows } = await session.query<{ readonly table: string | null }>(
      'SELECT pg_catalog.to_regclass($1)::text AS table',
      [qualifiedName({ schema, name })],
      options,
    );
    if (rows[0]?.table == null) statements.push(...sql);
  }
  return [...new Set(statements)];
}

/** What removes both tables. The schema stays: it may hold other things. */
export async function stateTeardownSql(
  session: SqlExecutor,
  schema: string,
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const missing = await stateSetupSql(session, schema, options);
  const isGone = (name: string): boolean => missing.some((sql) => sql.includes(`.${name} (`));
  return [
    ...(isGone('checkpoints') ? [] : checkpointTeardownSql(schema)),
    ...(isGone('dead_letters') ? [] : deadLetterTeardownSql(schema)),
  ];
}
