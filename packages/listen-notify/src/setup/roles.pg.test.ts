import { describe, expect, test } from 'vitest';
import { changeLogGrantSql } from './change-log-sql.ts';
import { readCaptureState } from './capture-state.ts';
import { setUpLog } from './testing/set-up-log.ts';
import { resolveConnection, sqlSession } from '@certyo-cdc/postgres';

const ALLOWED = [
  'LISTEN certyo_change_log',
  'SELECT sequence, xid, relation, operation, columns, old_row, new_row, changed_at FROM certyo.change_log ORDER BY sequence',
  'SELECT last_value, is_called FROM certyo.change_log_sequence',
  'SELECT * FROM certyo.change_log_columns',
  'SELECT id, pruned_through, created_at FROM certyo.change_log_state',
  'DELETE FROM certyo.change_log WHERE sequence <= 1',
  'UPDATE certyo.change_log_state SET pruned_through = 1',
  "SELECT l.pid FROM pg_locks l WHERE l.relation = 'certyo.change_log'::regclass AND l.mode = 'RowExclusiveLock'",
];

const FORBIDDEN = [
  'SELECT * FROM t',
  'INSERT INTO t VALUES (9)',
  "INSERT INTO certyo.change_log (xid, relation, operation, columns, changed_at) VALUES (1, 1, 'I', 'x', now())",
  "UPDATE certyo.change_log SET new_row = 'forged'",
  'TRUNCATE certyo.change_log',
  "UPDATE certyo.change_log_state SET id = 'other'",
  'DELETE FROM certyo.change_log_state',
  "INSERT INTO certyo.change_log_columns (digest, relation, root, schema, name, columns) VALUES ('x', 1, 1, '', '', '')",
  'DELETE FROM certyo.change_log_columns',
  "SELECT nextval('certyo.change_log_sequence')",
  "SELECT setval('certyo.change_log_sequence', 1)",
  'SELECT last_value FROM certyo.change_log_secret',
  "SELECT certyo.change_log_describe('t'::regclass)",
  'SELECT certyo.change_log_reorder(1, 1)',
  'CREATE TABLE certyo.x (id int)',
  'ALTER TABLE t DISABLE TRIGGER ALL',
  'DROP TRIGGER "00_certyo_change_log" ON t',
  'DROP TABLE certyo.change_log',
];

describe('changeLogGrantSql', () => {
  test('a listener may do what reading takes, and nothing else; an owner who is no superuser can set up', async () => {
    await using log = await setUpLog(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    const { db, settings } = log;
    await log.tearDown();
    await db.query('DROP SCHEMA IF EXISTS certyo CASCADE');
    const owner = `owner_${db.database}`;
    const listener = `listener_${db.database}`;
    const writer = `writer_${db.database}`;
    const { signal } = new AbortController();
    await db.query(
      `CREATE ROLE ${owner} LOGIN; CREATE ROLE ${listener} LOGIN NOINHERIT; CREATE ROLE ${writer} LOGIN`,
    );
    try {
      await db.query(
        `ALTER TABLE t OWNER TO ${owner}; GRANT CREATE ON DATABASE ${db.database} TO ${owner}; GRANT INSERT, UPDATE, DELETE ON t TO ${writer}`,
      );
      const sql = await log.setUpAs(owner);
      expect(sql.join('\n')).toContain('CREATE TRIGGER');
      const client = await db.client({ user: owner });
      for (const grant of changeLogGrantSql(listener, settings)) await client.query(grant);
      await client.end();
      const writing = await db.client({ user: writer });
      await writing.query('INSERT INTO t VALUES (1), (2)');
      await writing.end();
      const reading = await db.client({ user: listener });
      await reading.query('SET row_security = off');
      for (const statement of ALLOWED) await reading.query(statement);
      for (const statement of FORBIDDEN) {
        const code = await reading.query(statement).then(
          () => 'none',
          (error: unknown) => (error as { readonly code: string }).code,
        );
        expect([statement, code]).toEqual([statement, '42501']);
      }
      await reading.end();
      const url = new URL(db.url);
      url.username = listener;
      const session = sqlSession(resolveConnection(url.href, {}));
      const { problems } = await readCaptureState(session, settings, {
        signal,
        versionNumber: db.major * 10_000,
      });
      await session.close();
      expect(problems).toEqual([]);
    } finally {
      for (const role of [listener, writer, owner]) {
        await db.query(`DROP OWNED BY ${role} CASCADE`);
        await db.query(`DROP ROLE ${role}`);
      }
    }
  });
});
