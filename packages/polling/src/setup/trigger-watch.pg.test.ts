import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { openSession, polled, setUp, specOf } from '../testing/setup.ts';
import { readPollingState } from './table-state.ts';
import { triggerFingerprint, TriggerWatch } from './trigger-watch.ts';

const { signal } = new AbortController();

describe('TriggerWatch', () => {
  const INTERVENTIONS: readonly (readonly [string, string, string | null])[] = [
    ['nothing', 'SELECT 1', null],
    ['a new column', 'ALTER TABLE t ADD COLUMN more int DEFAULT 1', null],
    ['a renamed column', 'ALTER TABLE t RENAME v TO w', null],
    [
      'a new index and another trigger',
      'CREATE INDEX ON t (v); CREATE TRIGGER other BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
      null,
    ],
    ['a partition made as one', 'CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3)', null],
    ['a dropped partition', 'DROP TABLE t2', null],
    ['disabled', 'ALTER TABLE t DISABLE TRIGGER zzz_certyo_stamp', 'is disabled'],
    [
      'disabled for a while',
      'ALTER TABLE t DISABLE TRIGGER zzz_certyo_stamp; ALTER TABLE t ENABLE ALWAYS TRIGGER zzz_certyo_stamp',
      'not there all the time',
    ],
    [
      'disabled for a while on a partition',
      'ALTER TABLE t1 DISABLE TRIGGER certyo_p_deleted; ALTER TABLE t1 ENABLE ALWAYS TRIGGER certyo_p_deleted',
      'not there all the time',
    ],
    ['dropped', 'DROP TRIGGER certyo_p_deleted ON t', 'is missing'],
    [
      'a replaced function',
      "DO $$ BEGIN EXECUTE (SELECT replace(pg_get_functiondef(tgfoid), 'BEGIN', 'BEGIN ') FROM pg_trigger WHERE tgname = 'zzz_certyo_stamp' AND tgrelid = 't'::regclass); END $$",
      'not there all the time',
    ],
    [
      'an attached table',
      'CREATE TABLE t4 (LIKE t INCLUDING ALL) | INSERT INTO t4 (id, part) VALUES (9, 4) | ALTER TABLE t ATTACH PARTITION t4 FOR VALUES IN (4)',
      'attached as a partition',
    ],
    ['a dropped table', 'DROP TABLE t', 'was dropped'],
  ];

  for (const [name, sql, said] of INTERVENTIONS) {
    test(`P-06: ${name}: ${said ?? 'goes on'}, while it watches and when it comes back`, async () => {
      await using db = await testDatabase();
      await using session = openSession(db.url);
      await db.query(
        'CREATE TABLE t (id int, part int, v int, PRIMARY KEY (id, part)) PARTITION BY LIST (part); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)',
      );
      const spec = specOf([polled('t')]);
      await setUp(db, spec);
      const state = await readPollingState(session, spec, { signal });
      const first = new TriggerWatch(spec, state, null);
      await first.check(session, { signal });
      await first.check(session, { signal });
      const stored = triggerFingerprint(JSON.parse(JSON.stringify(first)));
      expect(stored).not.toBeNull();
      for (const one of sql.split(' | ')) await db.query(one);
      for (const watch of [first, new TriggerWatch(spec, state, stored)]) {
        const check = watch.check(session, { signal });
        if (said === null) await check;
        else
          await expect(check).rejects.toMatchObject({
            code: 'GAP_TRIGGER',
            message: expect.stringContaining(said),
          });
      }
    });
  }

  test('another source that is set up over the same table changes nothing', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)');
    const spec = specOf([polled('t')]);
    await setUp(db, spec);
    const watch = new TriggerWatch(spec, await readPollingState(session, spec, { signal }), null);
    await watch.check(session, { signal });
    await setUp(db, specOf([polled('t'), polled('u')], { name: 'q' }));
    await watch.check(session, { signal });
  });

  test('reads only what it wrote', () => {
    for (const value of [null, undefined, 1, 'x', [], { a: 1 }, { 'public.t': { 1: 'x' } }])
      expect(triggerFingerprint(value)).toBeNull();
    const written = { 'public.t': { needs: { a: ['b'] }, relations: { 1: { a: 'x' } } } };
    expect(triggerFingerprint(written)).toEqual(written);
  });
});
