import { describe, expect, test } from 'vitest';
import { DOORBELL_LOCK_CLASS, doorbellChannel } from './log-names.ts';
import { setUpLog } from './testing/set-up-log.ts';

const TABLE = 'CREATE TABLE t (id int PRIMARY KEY, v text)';
const LOCK = `${DOORBELL_LOCK_CLASS}, 'certyo.change_log'::regclass::oid::int8::bit(32)::int4`;

describe('doorbell', () => {
  test('armed: rings only while the reader sleeps, once per transaction; writers keep no lock (N-06)', async () => {
    await using log = await setUpLog([TABLE], { tables: ['t'] });
    const listener = await log.db.client();
    const rung: string[] = [];
    listener.on('notification', ({ channel, payload }) => rung.push(`${channel} ${payload ?? ''}`));
    await listener.query(`LISTEN "${doorbellChannel(log.settings)}"`);
    const writer = await log.db.client();
    await writer.query("INSERT INTO t VALUES (1, 'a')");
    await listener.query('SELECT 1');
    expect(rung).toEqual([]);
    await listener.query(`SELECT pg_advisory_lock(${LOCK})`);
    await writer.query(
      "BEGIN; INSERT INTO t VALUES (2, 'a'); UPDATE t SET v = 'b'; DELETE FROM t; COMMIT",
    );
    await expect
      .poll(async () => (await listener.query('SELECT 1')) && rung)
      .toEqual(['certyo_change_log ']);
    await writer.query('TRUNCATE t');
    await expect.poll(async () => (await listener.query('SELECT 1')) && rung).toHaveLength(2);
    await listener.query(`SELECT pg_advisory_unlock(${LOCK})`);
    await writer.query("INSERT INTO t VALUES (3, 'a')");
    const held = await log.db.query(
      "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    expect(held).toEqual([]);
    expect(rung).toHaveLength(2);
  });

  test('always: rings with every transaction, whoever reads', async () => {
    await using log = await setUpLog([TABLE], { tables: ['t'], doorbell: 'always' });
    const listener = await log.db.client();
    let rung = 0;
    listener.on('notification', () => {
      rung += 1;
    });
    await listener.query(`LISTEN "${doorbellChannel(log.settings)}"`);
    await log.db.query("INSERT INTO t VALUES (1, 'a')");
    await log.db.query("UPDATE t SET v = 'b'");
    await expect.poll(async () => (await listener.query('SELECT 1')) && rung).toBe(2);
  });

  test('a change of the mode is a change of the set-up; false leaves no trigger', async () => {
    await using log = await setUpLog([TABLE], { tables: ['t'], doorbell: 'always' });
    const names = async (): Promise<string[]> =>
      (
        await log.db.query("SELECT tgname FROM pg_trigger WHERE tgrelid = 't'::regclass ORDER BY 1")
      ).map((row) => String(row['tgname']));
    expect(await names()).toHaveLength(3);
    const armed = await log.setUp({ doorbell: 'armed' });
    expect(armed.join('\n')).toMatch(/^CREATE OR REPLACE FUNCTION "certyo"."change_log_doorbell"/);
    expect((await log.setUp({ doorbell: false })).join('\n')).toBe(
      'DROP TRIGGER "00_certyo_change_log_doorbell" ON "public"."t";',
    );
    expect(await names()).toEqual(['00_certyo_change_log', '00_certyo_change_log_truncate']);
    expect(await log.setUp({ doorbell: false })).toEqual([]);
  });

  test('N-13: without a doorbell a transaction may be prepared, and what it wrote is logged', async () => {
    await using log = await setUpLog([TABLE], { tables: ['t'], doorbell: false });
    const [setting] = await log.db.query('SHOW max_prepared_transactions');
    const client = await log.db.client();
    await client.query("BEGIN; INSERT INTO t VALUES (1, 'a')");
    const prepared = await client.query(`PREPARE TRANSACTION '${log.db.database}'`).then(
      () => 'prepared',
      (error: unknown) => (error as { code: string }).code,
    );
    // The shared server may allow none; then it is that which is said, not that of a NOTIFY (0A000).
    expect(prepared).toBe(setting?.['max_prepared_transactions'] === '0' ? '55000' : 'prepared');
    if (prepared === 'prepared') {
      expect(await log.told()).toEqual([]);
      await client.query(`COMMIT PREPARED '${log.db.database}'`);
      expect(await log.told()).toEqual(['I (1,a) id,v']);
    }
  });
});
