import { describe, expect, test } from 'vitest';
import { setUpLog } from './testing/set-up-log.ts';

describe('partitioned tables', () => {
  test('rows are logged where they lie, with the columns in the order of the partition', async () => {
    await using log = await setUpLog(
      [
        'CREATE TABLE t (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id)',
        'CREATE TABLE t1 (gone int, v text, id int NOT NULL)',
        'ALTER TABLE t1 DROP gone',
        'ALTER TABLE t ATTACH PARTITION t1 FOR VALUES FROM (0) TO (10)',
      ],
      { tables: ['t'] },
    );
    await log.db.query('CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20)');
    await log.db.query("INSERT INTO t VALUES (1, 'a'), (11, 'b')");
    expect(await log.told()).toEqual(['I (a,1) v,id', 'I (11,b) id,v']);
    await log.db.query('DELETE FROM t WHERE id = 11');
    await log.db.query('UPDATE t SET id = 11 WHERE id = 1');
    await log.db.query("INSERT INTO t1 VALUES ('direct', 3)");
    await log.db.query('SET session_replication_role = replica');
    await log.db.query("INSERT INTO t VALUES (12, 'replica')");
    await log.db.query('RESET session_replication_role');
    expect(await log.told()).toEqual([
      'D (11,b) id,v',
      'D (a,1) v,id',
      'I (11,a) id,v',
      'I (direct,3) v,id',
      'I (12,replica) id,v',
    ]);
    const roots = await log.db.query(
      'SELECT DISTINCT root::regclass::text AS root, schema, name FROM certyo.change_log_columns',
    );
    expect(roots).toEqual([{ root: 't', schema: 'public', name: 't' }]);
    await log.db.query('TRUNCATE t');
    expect((await log.told())[0]).toMatch(/^T /);
  });

  test('whoever owns a partitioned table can go on making partitions', async () => {
    await using log = await setUpLog(
      [
        'CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)',
        "DO $$ BEGIN EXECUTE format('CREATE ROLE %I LOGIN', 'owner_' || current_database()); EXECUTE format('ALTER TABLE t OWNER TO %I; GRANT CREATE ON SCHEMA public TO %1$I', 'owner_' || current_database()); END $$",
      ],
      { tables: ['t'] },
    );
    const role = `owner_${log.db.database}`;
    try {
      const client = await log.db.client({ user: role });
      await client.query('CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)');
      await client.query('INSERT INTO t VALUES (1)');
      await client.end();
      expect(await log.told()).toEqual(['I (1) id']);
    } finally {
      await log.db.query(`DROP OWNED BY ${role} CASCADE`);
      await log.db.query(`DROP ROLE ${role}`);
    }
  });
});
