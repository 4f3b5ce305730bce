import { describe, expect, test } from 'vitest';
import { payloadRig } from '../testing/payload-rig.ts';
import { payloadSource } from './payload-source.ts';

describe(payloadSource, () => {
  test('offers a row as it was written, with its table and columns', async () => {
    await using it = await payloadRig();
    await it.ready();
    await it.db.query(`INSERT INTO t VALUES (1, 'größer "🐘"')`);
    await expect.poll(() => it.rows.length).toBe(1);
    const [row] = await it.db.query<{ oid: string }>(`SELECT 't'::regclass::oid::text AS oid`);
    expect(it.catchUp.offers.at(-1)).toEqual({
      relation: Number(row?.oid),
      columns: [
        { name: 'id', typeOid: 23 },
        { name: 'v', typeOid: 25 },
      ],
      row: '(1,"größer ""🐘""")',
    });
  });

  test('offers only the last version of a row that one transaction writes several times', async () => {
    await using it = await payloadRig();
    await it.ready();
    await it.db.query(`DO $$ BEGIN
      INSERT INTO t VALUES (1, 'a'), (2, 'x');
      UPDATE t SET v = 'b' WHERE id = 1;
      BEGIN
        UPDATE t SET v = 'rolled back';
        RAISE EXCEPTION 'no';
      EXCEPTION WHEN OTHERS THEN END;
      UPDATE t SET v = 'c' WHERE id = 1;
    END $$`);
    await expect.poll(() => it.rows.length).toBeGreaterThan(1);
    expect(it.rows.sort()).toEqual(['(1,c)', '(2,x)']);
  });

  test('does so however many notifications the transaction sends', async () => {
    await using it = await payloadRig();
    await it.ready();
    for (let round = 0; round < 20; round += 1) {
      await it.db.query(`DO $$ BEGIN
        DELETE FROM t WHERE false;
        FOR version IN 1..300 LOOP
          INSERT INTO t VALUES (${1 + round}, version::text) ON CONFLICT (id) DO UPDATE SET v = version::text;
        END LOOP; END $$`);
    }
    await expect.poll(() => it.rows.length).toBe(20);
    expect(it.rows).toEqual(Array.from({ length: 20 }, (_, index) => `(${index + 1},300)`));
  });

  test('gives nothing of a transaction in which a too large version comes last', async () => {
    await using it = await payloadRig();
    await it.ready();
    const { nudges } = it.catchUp;
    await it.db.query(`DO $$ BEGIN
      INSERT INTO t VALUES (1, 'a');
      UPDATE t SET v = repeat('x', 10000) WHERE id = 1;
    END $$`);
    await expect.poll(() => it.catchUp.nudges).toBeGreaterThan(nudges);
    await it.settled();
    expect(it.rows).toEqual([]);
  });

  test.each([
    `DELETE FROM t`,
    `TRUNCATE t`,
    `UPDATE t SET id = 5 WHERE id = 1`,
    `DO $$ BEGIN INSERT INTO t VALUES (2, 'x'); DELETE FROM t WHERE id = 2; END $$`,
    `DO $$ BEGIN DELETE FROM t; INSERT INTO t VALUES (1, 'again'); END $$`,
  ])('%s only nudges, and nothing is offered until the stream has caught up', async (statement) => {
    await using it = await payloadRig();
    await it.ready();
    await it.db.query(`INSERT INTO t VALUES (1, 'a')`);
    await it.settled();
    expect(it.rows).toEqual(['(1,a)']);
    let release = (): void => undefined;
    let asked = 0;
    it.catchUp.onCaughtUp = () => {
      asked += 1;
      return new Promise((resolve) => {
        release = resolve;
      });
    };
    const { nudges } = it.catchUp;
    await it.db.query(statement);
    await expect.poll(() => asked).toBe(1);
    await it.db.query(`INSERT INTO t VALUES (9, 'later')`);
    await expect.poll(() => it.catchUp.nudges).toBeGreaterThan(nudges + 1);
    expect(it.rows).toEqual(['(1,a)']);
    it.catchUp.onCaughtUp = null;
    release();
    await it.settled();
  });
});
