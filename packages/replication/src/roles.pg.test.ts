import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { sourceOf } from './testing/captured.ts';

describe('setup', () => {
  test('the SQL that the README gives to a DBA is enough; dryRun changes nothing, twice is once', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const owner = sourceOf(db, { tables: ['t'] });
    const planned = await owner.setup({ dryRun: true });
    expect(planned.at(-1)).toContain(`pg_create_logical_replication_slot('${db.database}'`);
    expect(await owner.setup({ dryRun: true })).toEqual(planned);
    for (const statement of planned) await db.query(statement);
    expect((await owner.setup()).filter((sql) => /slot|PUBLICATION/.test(sql))).toEqual([]);

    const role = `capture_${db.database}`;
    await db.query(`CREATE ROLE ${role} LOGIN REPLICATION`);
    await db.query(`GRANT USAGE ON SCHEMA certyo TO ${role}`);
    await db.query(`GRANT SELECT, INSERT, UPDATE ON certyo.checkpoints TO ${role}`);
    await db.query(`GRANT SELECT, INSERT, DELETE ON certyo.dead_letters TO ${role}`);
    try {
      const url = new URL(db.url);
      url.username = role;
      const source = sourceOf(db, { tables: ['t'], connection: url.href });
      const { signal } = new AbortController();
      {
        await using reader = await openReader(source);
        await db.query('INSERT INTO t VALUES (1)');
        await reader.caughtUp();
        expect(reader.told).toEqual(['insert t {"id":1}']);
        const checkpoint = reader.checkpoint();
        await source.checkpoints.save('p', checkpoint, { replaces: null, revision: 'a', signal });
        await reader.stream.acknowledge(checkpoint.position);
        const stored = await source.checkpoints.load('p', { signal });
        expect(stored?.checkpoint).toEqual(JSON.parse(JSON.stringify(checkpoint)));
        expect(await source.deadLetters.lanes('p', { signal })).toBeDefined();
        await source.checkpoints.close();
        await source.deadLetters.close();
      }
      const torn = await owner.teardown({ state: true });
      expect(torn.join('\n')).toContain('pg_drop_replication_slot');
      expect(await owner.teardown()).toEqual([]);
    } finally {
      await db.query(`DROP OWNED BY ${role}`);
      await db.query(`DROP ROLE ${role}`);
    }
  });
});
