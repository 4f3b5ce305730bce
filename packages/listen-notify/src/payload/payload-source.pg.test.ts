import { describe, expect, test } from 'vitest';
import { payloadRig, payloadRigOver } from '../testing/payload-rig.ts';
import { fakeTransactionPooler } from '../testing/transaction-pooler.ts';
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

  test('N-14: a forged, repeated or garbled payload is taken for a doorbell, and changes nothing', async () => {
    await using it = await payloadRig();
    await it.ready();
    const spy = await it.db.client();
    const heard: string[] = [];
    spy.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await spy.query('LISTEN certyo_payload');
    const writer = await it.db.client();
    await writer.query(`INSERT INTO t VALUES (1, 'a')`);
    await expect.poll(() => heard.length).toBe(1);
    await it.settled();
    expect(it.rows).toEqual(['(1,a)']);
    const [payload = ''] = heard;
    const send = (client: typeof spy, text: string): Promise<unknown> =>
      client.query('SELECT pg_notify($1, $2)', ['certyo_payload', text]);
    for (const [client, text] of [
      // The same process sends it again, and another one does.
      [writer, payload],
      [spy, payload],
      [spy, payload.replace('(1,a)', '(1,b)')],
      [spy, payload.slice(0, -1)],
      [spy, ''],
      [spy, '{"id":1,"v":"b"}'],
      [spy, '🐘'.repeat(1_900)],
    ] as const) {
      const { nudges } = it.catchUp;
      await send(client, text);
      await expect.poll(() => it.catchUp.nudges).toBeGreaterThan(nudges);
    }
    await it.settled();
    expect(it.rows).toEqual(['(1,a)']);
    const untrusted = it.events.filter(
      (event) => event.type === 'source-warned' && event.code === 'PAYLOAD_UNTRUSTED',
    );
    expect(untrusted).toHaveLength(1);
    expect(JSON.stringify(it.events)).not.toContain('(1,');
  });

  test('N-12: tells of writers that set session_replication_role; of disabled triggers the start warns', async () => {
    await using it = await payloadRig();
    await it.ready();
    const client = await it.db.client();
    await client.query('SET session_replication_role = replica');
    await client.query(`INSERT INTO t VALUES (1, 'a')`);
    await expect.poll(() => it.rows).toEqual(['(1,a)']);
    await client.query('ALTER TABLE t DISABLE TRIGGER ALL');
    await using other = payloadRigOver(it, {});
    await other.open();
    expect(other.events).toContainEqual(expect.objectContaining({ code: 'PAYLOAD_TRIGGER' }));
  });

  test('N-01, N-02: listens before the catch-up source begins, and after a loss offers nothing until that has caught up', async () => {
    await using it = await payloadRig();
    let listening: unknown[] = [];
    it.catchUp.onOpened = async () => {
      await it.db.query(`INSERT INTO t VALUES (1, 'while it opens')`);
      listening = await it.db.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND (query LIKE 'LISTEN "certyo%' OR query LIKE '%pg_notification_queue_usage%') AND pid <> pg_backend_pid()`,
      );
    };
    await it.ready();
    expect(listening).toHaveLength(1);
    // What is committed after LISTEN and before the stream is there is in what the stream reads; a hint would be one too many.
    expect(it.rows).toEqual([]);
    let release = (): void => undefined;
    let asked = 0;
    it.catchUp.onCaughtUp = () => {
      asked += 1;
      return new Promise((resolve) => {
        release = resolve;
      });
    };
    await it.db.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'certyo-cdc'`,
    );
    await expect.poll(() => asked).toBeGreaterThan(0);
    await expect
      .poll(async () => {
        const { nudges } = it.catchUp;
        await it.db.query(`INSERT INTO t VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET v = 'x'`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        return it.catchUp.nudges > nudges;
      })
      .toBe(true);
    expect(it.rows).toEqual([]);
    it.catchUp.onCaughtUp = null;
    release();
    await it.settled();
  });

  test('a table that is altered is offered with its new columns; what was written before with none', async () => {
    await using it = await payloadRig();
    await it.ready();
    await it.db.query('ALTER TABLE t ADD COLUMN n int DEFAULT 5');
    await it.db.query('ALTER TABLE t DROP COLUMN v; ALTER TABLE t ADD COLUMN v text');
    await expect
      .poll(async () => {
        await it.db.query(
          `INSERT INTO t VALUES (1, 6, 'a') ON CONFLICT (id) DO UPDATE SET v = 'a'`,
        );
        return it.catchUp.offers.at(-1)?.columns;
      })
      .toEqual([
        { name: 'id', typeOid: 23 },
        { name: 'n', typeOid: 23 },
        { name: 'v', typeOid: 25 },
      ]);
    expect(it.rows.at(-1)).toBe('(1,6,a)');
  });

  test('a stream that takes no hints is nudged instead', async () => {
    await using it = await payloadRig();
    await it.ready();
    it.catchUp.takes = false;
    for (let id = 1; id <= 50; id += 1) {
      const { nudges } = it.catchUp;
      const offers = it.catchUp.offers.length;
      await it.db.query('INSERT INTO t VALUES ($1)', [id]);
      await expect
        .poll(() => it.catchUp.nudges > nudges || it.catchUp.offers.length > offers)
        .toBe(true);
    }
    expect(it.rows.length).toBeLessThan(10);
  });

  test('is the catch-up source for everybody else: name, kind, stores, batches and errors', async () => {
    await using it = await payloadRig();
    const { memory } = it.catchUp;
    expect(it.source).toMatchObject({ name: memory.name, kind: memory.kind });
    memory.push([{ operation: 'insert', key: { id: 1 } }]);
    const stream = await it.open();
    const iterator = stream[Symbol.asyncIterator]();
    const { value } = await iterator.next();
    expect(value.events).toEqual(memory.committed);
    expect(stream.checkpoint(value.end)).toMatchObject({ kind: 'memory', position: value.end });
    await stream.acknowledge(value.end);
    expect(memory.acknowledged).toBe(value.end);
    await stream.caughtUp({ signal: new AbortController().signal });
    memory.fail(new Error('broken'));
    await expect(iterator.next()).rejects.toThrow('broken');
    await iterator.return?.();
    expect(memory.openStreams).toBe(0);
  });

  test('is refused before it is set up, and behind a pooler that keeps notifications back (N-07)', async () => {
    await using it = await payloadRig();
    await using pooler = await fakeTransactionPooler(it.db);
    const behind = payloadRigOver(it, { connection: pooler.url, listener: { selfTestMs: 200 } });
    await expect(behind.open()).rejects.toMatchObject({ code: 'SOURCE_SETUP' });
    expect(behind.catchUp.memory.openStreams).toBe(0);
    await it.source.teardown();
    await expect(it.open()).rejects.toMatchObject({
      code: 'SOURCE_SETUP',
      remedy: expect.stringContaining('setup()'),
    });
  });
});
