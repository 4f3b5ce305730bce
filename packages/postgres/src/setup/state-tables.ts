import { checkpointSetupSql, checkpointTeardownSql } from '../checkpoint/sql.ts';
import type { SqlExecutor } from '../connection/sql-executor.ts';
import { deadLetterSetupSql, deadLetterTeardownSql } from '../dead-letter/sql.ts';
import { qualifiedName } from '../identifier/quote.ts';
import { leaseSetupSql, leaseTeardownSql } from '../lease/sql.ts';

/** A table that holds the state of pipelines. */
export type StateTable = 'checkpoints' | 'dead_letters' | 'leases';

type StateSql = (schema: string) => readonly string[];

const TABLES: Readonly<
  Record<StateTable, { readonly setup: StateSql; readonly teardown: StateSql }>
> = {
  checkpoints: { setup: checkpointSetupSql, teardown: checkpointTeardownSql },
  dead_letters: { setup: deadLetterSetupSql, teardown: deadLetterTeardownSql },
  leases: { setup: leaseSetupSql, teardown: leaseTeardownSql },
};

/** Which of the tables to look at. */
export interface StateTableOptions {
  /** @default those that every pipeline needs: checkpoints and dead_letters */
  readonly tables?: readonly StateTable[] | undefined;
  readonly signal: AbortSignal;
}

const NEEDED: readonly StateTable[] = ['checkpoints', 'dead_letters'];

/** The SQL that makes what is missing of the tables that hold state. Empty when all are there. */
export async function stateSetupSql(
  session: SqlExecutor,
  schema: string,
  options: StateTableOptions,
): Promise<readonly string[]> {
  const statements: string[] = [];
  for (const table of options.tables ?? NEEDED)
    if (!(await exists(session, schema, table, options)))
      statements.push(...TABLES[table].setup(schema));
  return [...new Set(statements)];
}

/** The SQL that removes those that are there, for all pipelines. The schema stays: it may hold other things. */
export async function stateTeardownSql(
  session: SqlExecutor,
  schema: string,
  options: StateTableOptions,
): Promise<readonly string[]> {
  const statements: string[] = [];
  for (const table of options.tables ?? NEEDED)
    if (await exists(session, schema, table, options))
      statements.push(...TABLES[table].teardown(schema));
  return statements;
}

async function exists(
  session: SqlExecutor,
  schema: string,
  table: StateTable,
  options: StateTableOptions,
): Promise<boolean> {
  const { rows } = await session.query<{ readonly table: string | null }>(
    'SELECT pg_catalog.to_regclass($1)::text AS table',
    [qualifiedName({ schema, name: table })],
    { signal: options.signal },
  );
  return rows[0]?.table != null;
}
