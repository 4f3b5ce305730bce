import {
  resolveConnection,
  runSetup,
  type SetupStatement,
  sqlSession,
  type SqlSession,
} from '@certyo-cdc/postgres';
import type { TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { normalizeDurableOptions } from '../../normalize-options.ts';
import type { DurableSourceOptions } from '../../options.ts';
import type { CaptureSettings } from '../capture-settings.ts';
import { missingStatements, teardownStatements } from '../missing-statements.ts';

type Options = Omit<DurableSourceOptions, 'connection'>;

const { signal } = new AbortController();

/** A row of the log. */
export interface LoggedChange {
  readonly operation: string;
  readonly old_row: string | null;
  readonly new_row: string | null;
  readonly names: string;
}

/** A database with a change log that was set up by the very statements that setup prints. */
export interface LogFixture extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly session: SqlSession;
  readonly settings: CaptureSettings;
  /** Runs what is missing, with these settings changed, and gives it. */
  setUp(changed?: Partial<CaptureSettings>): Promise<readonly string[]>;
  /** The same by another role. */
  setUpAs(user: string): Promise<readonly string[]>;
  /** Runs what removes it, and gives it. */
  tearDown(): Promise<readonly string[]>;
  /** What was logged since the last call, in order; `names` are the columns' names at that time. */
  changes(): Promise<readonly LoggedChange[]>;
  /** The same as lines: `U (1,a) (1,b) id,v`. */
  told(): Promise<readonly string[]>;
}

export async function setUpLog(
  statements: readonly string[],
  options: Options,
): Promise<LogFixture> {
  const db = await testDatabase();
  for (const statement of statements) await db.query(statement);
  const settings = normalizeDurableOptions({ connection: db.url, ...options });
  const session = sqlSession(resolveConnection(db.url, {}));
  let through = '0';
  const run = (statements: readonly SetupStatement[]): Promise<readonly string[]> =>
    runSetup(session, statements, { signal });
  const changes = async (): Promise<readonly LoggedChange[]> => {
    const rows = await db.query<LoggedChange & { readonly sequence: string }>(
      `SELECT l.sequence, l.operation::text AS operation, l.old_row, l.new_row,
              (SELECT string_agg(c.name, ',' ORDER BY c.ordinality)
                 FROM (SELECT e.value->>'name' AS name, e.ordinality
                         FROM (SELECT columns FROM ${settings.stateSchema}.${settings.log}_columns k
                                WHERE k.digest = l.columns LIMIT 1) k,
                              json_array_elements(k.columns::json) WITH ORDINALITY e) c) AS names
         FROM ${settings.stateSchema}.${settings.log} l WHERE l.sequence > $1 ORDER BY l.sequence`,
      [through],
    );
    through = rows.at(-1)?.sequence ?? through;
    return rows.map(({ names, new_row, old_row, operation }) => ({
      operation,
      old_row,
      new_row,
      names,
    }));
  };
  const fixture: LogFixture = {
    db,
    session,
    settings,
    setUp: async (changed = {}) =>
      run(await missingStatements(session, { ...settings, ...changed }, { signal })),
    setUpAs: async (user) => {
      const url = new URL(db.url);
      url.username = user;
      const own = sqlSession(resolveConnection(url.href, {}));
      try {
        const sql = await missingStatements(own, settings, { signal });
        return await runSetup(own, sql, { signal });
      } finally {
        await own.close();
      }
    },
    tearDown: async () => run(await teardownStatements(session, settings, { signal })),
    changes,
    told: async () =>
      (await changes()).map((change) =>
        [change.operation, change.old_row, change.new_row, change.names]
          .filter((part) => part !== null)
          .join(' '),
      ),
    [Symbol.asyncDispose]: async () => {
      await session.close();
      await db[Symbol.asyncDispose]();
    },
  };
  await fixture.setUp();
  return fixture;
}
