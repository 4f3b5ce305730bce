import type { SqlSession } from '../connection/sql-executor.ts';
import { prepareToWrite } from './prepare-to-write.ts';

/** A statement of a set-up. */
export interface SetupStatement {
  readonly sql: string;
  /** True for what PostgreSQL refuses inside a transaction; it runs by itself, where it stands. @default false */
  readonly outsideTransaction?: boolean | undefined;
  /**
   * The table of the application that it locks, its name quoted. Statements that follow each other and name one table share a
   * transaction of their own: who holds the lock of one table while it waits for another may run into a deadlock with
   * writers, and it is one of them that fails then.
   */
  readonly locks?: string | undefined;
}

/** How `runSetup` runs. */
export interface RunSetupOptions {
  /** True only returns the statements. @default false */
  readonly dryRun?: boolean | undefined;
  readonly signal: AbortSignal;
}

/** Two set-ups at once would collide in `CREATE … IF NOT EXISTS`, which is not safe against itself. */
export const SETUP_LOCK = '7166352098415034';

/**
 * Locks a table, then its partitions, as writers do.
 *
 * @param table Its name, quoted.
 */
export function lockTableSql(table: string): string {
  return `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE;`;
}

const LOCK = `SELECT pg_catalog.pg_advisory_xact_lock(${SETUP_LOCK})`;

/**
 * Runs the statements of a set-up, those that follow each other in one transaction each, and gives the SQL back, for
 * printing. With `dryRun` nothing runs.
 */
export async function runSetup(
  session: SqlSession,
  statements: readonly (string | SetupStatement)[],
  options: RunSetupOptions,
): Promise<readonly string[]> {
  const all = statements.map((statement) =>
    typeof statement === 'string' ? { sql: statement } : statement,
  );
  if (options.dryRun !== true)
    for (const group of groups(all)) await runGroup(session, group, options.signal);
  return all.map((statement) => statement.sql);
}

function groups(statements: readonly SetupStatement[]): readonly (readonly SetupStatement[])[] {
  const result: SetupStatement[][] = [];
  let current: SetupStatement[] = [];
  for (const statement of statements) {
    const isAlone = statement.outsideTransaction === true;
    if (isAlone || current.length === 0 || current[0]?.locks !== statement.locks) {
      current = [];
      result.push(current);
    }
    current.push(statement);
    if (isAlone) current = [];
  }
  return result;
}

async function runGroup(
  session: SqlSession,
  group: readonly SetupStatement[],
  signal: AbortSignal,
): Promise<void> {
  const [first] = group;
  if (first?.outsideTransaction === true) {
    await session.query(first.sql, [], { signal });
    return;
  }
  await session.transaction(
    async (executor) => {
      await prepareToWrite(executor, signal);
      await executor.query(LOCK, [], { signal });
      let isLocked = false;
      for (const { sql, locks } of group) {
        // DROP TRIGGER locks the partitions before their table, and writers the table before the partitions.
        if (locks !== undefined && !isLocked && sql.startsWith('DROP TRIGGER')) {
          await executor.query(lockTableSql(locks), [], { signal });
          isLocked = true;
        }
        await executor.query(sql, [], { signal });
      }
    },
    { signal },
  );
}
