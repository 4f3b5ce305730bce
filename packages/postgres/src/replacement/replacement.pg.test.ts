import type { TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { resolveConnection } from '../connection/resolve-connection.ts';
import { sqlSession } from '../connection/sql-session.ts';
import { hasCapturedSince, readReplacements } from './read-replacements.ts';
import {
  replaceFunctionSql,
  replacementsSetupSql,
  replaceTriggerSql,
  TRIGGER_VERSION_SQL,
} from './sql.ts';

const { signal } = new AbortController();

const REPLACEMENTS = { schema: 'public', name: 'replacements' };

const body = (version: string): string => `BEGIN RETURN NEW; END -- ${version}`;

const functionSql = (version: string, name = 'f'): string =>
  `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $f$${body(version)}$f$;`;

const TRIGGER = [
  'DROP TRIGGER IF EXISTS a ON t;',
  'CREATE TRIGGER a BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();',
  'ALTER TABLE t ENABLE ALWAYS TRIGGER a;',
];

const newFunction = (...first: readonly string[]): string =>
  replaceFunctionSql('f()', {
    replacements: REPLACEMENTS,
    statements: [...first, functionSql('new')],
    provides: ['rows'],
  });

const newTrigger = (...first: readonly string[]): string =>
  replaceTriggerSql(
    { schema: 'public', name: 't' },
    'a',
    { body: body('old'), isDefiner: false, settings: {} },
    { replacements: REPLACEMENTS, statements: [...first, ...TRIGGER], provides: ['rows'] },
  );

/** The state of each trigger, by its table and name. */
async function versions(db: TestDatabase): Promise<ReadonlyMap<string, string>> {
  const rows = await db.query<{ readonly key: string; readonly version: string }>(
    `SELECT t.tgrelid || ' ' || t.tgname AS key, ${TRIGGER_VERSION_SQL} AS version
       FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal OR t.tgparentid <> 0`,
  );
  return new Map(rows.map(({ key, version }) => [key, version]));
}

/** Whether each of the triggers that were there has captured from then to now. */
async function captured(
  db: TestDatabase,
  before: ReadonlyMap<string, string>,
): Promise<readonly boolean[]> {
  const session = sqlSession(resolveConnection(db.url, {}));
  try {
    const lines = await readReplacements(session, REPLACEMENTS, { names: ['a', 'b'], signal });
    const now = await versions(db);
    return [...before].map(([key, version]) => {
      const [relation = '', name = ''] = key.split(' ');
      const item = { relation, name, version: now.get(key) ?? 'gone', needs: ['rows'] };
      return hasCapturedSince(lines, item, (known) => known === version);
    });
  } finally {
    await session.close();
  }
}

async function prepared(): Promise<TestDatabase> {
  const db = await testDatabase();
  await db.query('CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)');
  await db.query('CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)');
  await db.query(functionSql('old'));
  await db.query(TRIGGER.join(' '));
  for (const sql of replacementsSetupSql(REPLACEMENTS)) await db.query(sql);
  return db;
}

/** Until somebody waits for the advisory lock 42. */
async function someoneWaits(db: TestDatabase): Promise<void> {
  await expect
    .poll(() =>
      db.query(
        'SELECT FROM pg_locks WHERE objid = 42 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())',
      ),
    )
    .toHaveLength(1);
}

describe('replaceFunctionSql and replaceTriggerSql', () => {
  test.each([
    ['a function', [newFunction()]],
    ['a trigger', [newTrigger()]],
    ['one after the other, twice', [newTrigger(), newFunction(), newFunction()]],
    [
      'rights',
      [
        replaceFunctionSql('f()', {
          replacements: REPLACEMENTS,
          statements: ['REVOKE ALL ON FUNCTION f() FROM PUBLIC;'],
          provides: ['rows'],
        }),
      ],
    ],
    ['a function, in a subtransaction', [`BEGIN; SAVEPOINT s; ${newFunction()} COMMIT`]],
    ['a trigger, in a subtransaction', [`BEGIN; SAVEPOINT s; ${newTrigger()} COMMIT`]],
  ])('note that nothing was missed: %s', async (_name, statements) => {
    await using db = await prepared();
    const before = await versions(db);
    expect(before.size).toBe(2);
    for (const sql of statements) await db.query(sql);
    const now = await versions(db);
    for (const [key, version] of before) expect(now.get(key)).not.toBe(version);
    expect(await captured(db, before)).toEqual([true, true]);
  });

  test('rights that are granted as they are make another row of the catalog, which is noted', async () => {
    await using db = await prepared();
    await db.query('REVOKE ALL ON FUNCTION f() FROM PUBLIC');
    for (const statement of [
      'REVOKE ALL ON FUNCTION f() FROM PUBLIC;',
      'GRANT EXECUTE ON FUNCTION f() TO CURRENT_USER;',
    ]) {
      const before = await versions(db);
      const plan = { replacements: REPLACEMENTS, statements: [statement], provides: ['rows'] };
      await db.query(replaceFunctionSql('f()', plan));
      expect([...(await versions(db)).values()]).not.toEqual([...before.values()]);
      expect(await captured(db, before)).toEqual([true, true]);
    }
  });

  test.each([
    ['the function', functionSql('by hand')],
    ['the trigger', TRIGGER.join(' ')],
    [
      'the trigger for a while',
      'ALTER TABLE t DISABLE TRIGGER a; ALTER TABLE t ENABLE ALWAYS TRIGGER a',
    ],
  ])('do not vouch for what somebody did to %s before', async (_name, sql) => {
    for (const replace of [newFunction(), newTrigger()]) {
      await using db = await prepared();
      const before = await versions(db);
      await db.query(sql);
      await db.query(replace);
      expect(await captured(db, before)).toEqual([false, false]);
    }
  });

  test('do not vouch for a trigger that is disabled, or missing', async () => {
    for (const replace of [newFunction(), newTrigger()]) {
      await using disabled = await prepared();
      await disabled.query('ALTER TABLE t DISABLE TRIGGER a');
      const before = await versions(disabled);
      await disabled.query(replace);
      expect(await captured(disabled, before)).toEqual([false, false]);
    }
    await using db = await prepared();
    await db.query('DROP TRIGGER a ON t');
    await db.query(newTrigger());
    expect(await db.query('SELECT FROM replacements')).toEqual([]);
  });

  test('do not vouch for a trigger whose function is not the one that it should be', async () => {
    await using db = await prepared();
    await db.query(functionSql('by hand'));
    const before = await versions(db);
    await db.query(newTrigger());
    expect(await captured(db, before)).toEqual([false, false]);
  });

  test.each([
    ['the function', newFunction, functionSql('by hand')],
    ['the trigger, its function', newTrigger, `${functionSql('by hand')} | ${functionSql('old')}`],
    [
      'the function, a trigger of it',
      newFunction,
      'ALTER TABLE t DISABLE TRIGGER a; ALTER TABLE t ENABLE ALWAYS TRIGGER a',
    ],
  ])('notice what somebody does while they run: %s', async (_name, replace, sql) => {
    await using db = await prepared();
    const before = await versions(db);
    const other = await db.client();
    const setup = await db.client();
    await other.query('SELECT pg_advisory_lock(42)');
    const running = setup.query(replace('PERFORM pg_catalog.pg_advisory_xact_lock(42);'));
    await someoneWaits(db);
    for (const one of sql.split(' | ')) await other.query(one);
    await other.query('SELECT pg_advisory_unlock(42)');
    await running;
    expect(await captured(db, before)).toEqual([false, false]);
    await other.end();
    await setup.end();
  });

  test('keep others from the trigger while they run', async () => {
    await using db = await prepared();
    const before = await versions(db);
    const other = await db.client();
    const setup = await db.client();
    await other.query("SELECT pg_advisory_lock(42), set_config('lock_timeout', '100ms', false)");
    const running = setup.query(newTrigger('PERFORM pg_catalog.pg_advisory_xact_lock(42);'));
    await someoneWaits(db);
    await expect(other.query('ALTER TABLE t DISABLE TRIGGER a')).rejects.toMatchObject({
      code: '55P03',
    });
    await other.query('SELECT pg_advisory_unlock(42)');
    await running;
    expect(await captured(db, before)).toEqual([true, true]);
    await other.end();
    await setup.end();
  });

  test('refuse to run under a snapshot that may be old', async () => {
    await using db = await prepared();
    const client = await db.client();
    await client.query("SET default_transaction_isolation = 'repeatable read'");
    for (const sql of [newFunction(), newTrigger()])
      await expect(client.query(sql)).rejects.toThrow('READ COMMITTED');
    await client.end();
  });
});

describe('readReplacements', () => {
  test('none where there is no table; a role that may not read it is told', async () => {
    await using db = await prepared();
    const role = `reader_${db.database}`;
    await db.query(`CREATE ROLE ${role} LOGIN`);
    const url = new URL(db.url);
    url.username = role;
    const session = sqlSession(resolveConnection(url.href, {}));
    const read = (): Promise<unknown> =>
      readReplacements(session, REPLACEMENTS, { names: ['a'], signal });
    try {
      expect(await read()).toEqual([]);
      await db.query('REVOKE ALL ON replacements FROM PUBLIC');
      await expect(read()).rejects.toMatchObject({
        code: 'SOURCE_SETUP',
        remedy: expect.stringContaining('GRANT SELECT ON "public"."replacements"') as string,
      });
      await db.query('DROP TABLE replacements');
      expect(await read()).toEqual([]);
    } finally {
      await session.close();
      await db.query(`DROP ROLE ${role}`);
    }
  });
});
