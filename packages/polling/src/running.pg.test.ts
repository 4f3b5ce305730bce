import {
  CdcError,
  certyoSink,
  type Checkpoint,
  createPipeline,
  type Position,
} from '@certyo-cdc/core';
import { openReader, startCertyoEmulator } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

describe('pollingSource while things change around it', () => {
  test('columns that come, go and change are told by an event before their first row, also after a restart', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY, note text)'], {
      tables: ['t'],
    });
    await using reader = await openReader(it.source);
    await it.db.query("INSERT INTO t VALUES (1, 'a')");
    await reader.caughtUp();
    await it.db.query(
      "ALTER TABLE t ADD COLUMN amount numeric(10,2) DEFAULT 1.5; INSERT INTO t VALUES (2, 'b')",
    );
    await reader.caughtUp();
    await it.db.query(
      "ALTER TABLE t RENAME note TO remark; ALTER TABLE t ALTER amount TYPE text; UPDATE t SET remark = 'c' WHERE id = 1",
    );
    await reader.caughtUp();
    const after = await reader.acknowledge();
    await reader[Symbol.asyncDispose]();
    await it.db.query("CREATE TYPE mood AS ENUM ('sad', 'ok')");
    await it.db.query('ALTER TABLE t DROP COLUMN remark, ADD COLUMN mood mood');
    await it.db.query("INSERT INTO t (id, mood) VALUES (3, 'ok')");
    await using again = await openReader(it.source, { after });
    await again.caughtUp();
    expect(reader.told).toEqual([
      'snapshot t {"id":1,"note":"a"}',
      'schema t',
      'snapshot t {"amount":"1.50","id":2,"note":"b"}',
      'schema t',
      'snapshot t {"amount":"1.50","id":1,"remark":"c"}',
    ]);
    expect(again.told.at(0)).toBe('schema t');
    expect(again.told.at(-1)).toContain('"mood":"ok"');
  });

  test('GAP_TABLE: a table that was dropped, or made again, or that has another key', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY, other int NOT NULL UNIQUE)'],
      { tables: ['t'] },
    );
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1, 1)');
    await reader.caughtUp();
    const after = await reader.acknowledge();
    await it.db.query('DROP TABLE t');
    const failure = await reader.ended();
    expect(CdcError.is(failure) && failure.code).toMatch(/^GAP_(?:TABLE|TRIGGER)$/);
    await reader[Symbol.asyncDispose]();
    await it.db.query('CREATE TABLE t (id int PRIMARY KEY, other int NOT NULL UNIQUE)');
    await it.source.setup();
    const refused: unknown = await openReader(it.source, { after }).catch((e: unknown) => e);
    expect(CdcError.is(refused) && refused.code).toMatch(/^GAP_(?:TABLE|TRIGGER)$/);
  });

  test('goes on after its connections were cut, from where it was', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    await using reader = await openReader(it.source);
    for (let id = 1; id <= 5; id++) {
      await it.db.query('INSERT INTO t VALUES ($1)', [id]);
      await reader.caughtUp();
      await it.db.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'certyo-cdc%'",
      );
    }
    await reader.caughtUp();
    expect(reader.rows.map((row) => row.key['id'])).toEqual([1, 2, 3, 4, 5]);
  });

  test('one poller per name: a second one waits, and takes over when the first has gone', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    await using first = await openReader(it.source);
    const impatient = sourceOf(it.db, { tables: ['t'], leaseWaitMs: 50 });
    const busy: unknown = await openReader(impatient).catch((error: unknown) => error);
    expect(CdcError.is(busy) && busy.code).toBe('SOURCE_BUSY');
    const standby = openReader(sourceOf(it.db, { tables: ['t'], leaseWaitMs: false }));
    await it.db.query('INSERT INTO t VALUES (1)');
    await first.caughtUp();
    await first[Symbol.asyncDispose]();
    await using second = await standby;
    await second.caughtUp();
    expect(second.told).toEqual(['snapshot t {"id":1}']);
  });

  test('pollNow and hints end a long interval; a stream gives tables their turns', async () => {
    await using it = await captured(
      [
        'CREATE TABLE big (id int PRIMARY KEY); CREATE TABLE small (id int PRIMARY KEY)',
        'INSERT INTO big SELECT generate_series(1, 500); INSERT INTO small VALUES (1)',
      ],
      {
        tables: ['big', 'small'],
        intervalMs: { min: 3_600_000, max: 3_600_000 },
        maxPageRows: 10,
      },
    );
    await using reader = await openReader(it.source);
    await expect.poll(() => reader.rows.length).toBe(501);
    expect(reader.rows.findIndex((row) => row.table.name === 'small')).toBeLessThan(30);
    await it.db.query('INSERT INTO small VALUES (2)');
    it.source.pollNow();
    await expect.poll(() => reader.rows.length).toBe(502);
    await it.db.query('INSERT INTO small VALUES (3)');
    reader.stream.nudge();
    await expect.poll(() => reader.rows.length).toBe(503);
    await it.db.query('INSERT INTO small VALUES (4)');
    expect(reader.stream.offer({ relation: 1, columns: [], row: '()' })).toBe(false);
    await expect.poll(() => reader.rows.length).toBe(504);
  });

  test('takes over the checkpoint of another kind in the next epoch, and reads everything from its beginning', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    const own = await reader.acknowledge();
    await reader[Symbol.asyncDispose]();
    const after = { ...own, kind: 'replication' };
    const refused: unknown = await openReader(it.source, { after }).catch((e: unknown) => e);
    expect(CdcError.is(refused) && refused.code).toBe('GAP_CHECKPOINT_FOREIGN');
    const source = sourceOf(it.db, { tables: ['t'], replaces: 'replication' });
    await using again = await openReader(source, { after });
    await again.caughtUp();
    expect(again.told).toEqual(['snapshot t {"id":1}']);
    expect((again.rows[0]?.version ?? '') > (reader.rows[0]?.version ?? '')).toBe(true);
    expect(again.checkpoint().epoch).toBe(2);
  });

  test('GAP_SWITCH: what was deleted after the old pipeline ended, before the triggers, would be missed', async () => {
    const options = { tables: ['t', 'u'], replaces: 'replication' } as const;
    const statements = ['CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)'];
    await using it = await captured(statements, { tables: ['t'] });
    const [row] = await it.db.query<{ id: string }>(
      'SELECT system_identifier::text AS id FROM pg_control_system()',
    );
    const after: Checkpoint = {
      kind: 'replication',
      identity: { systemIdentifier: row?.id ?? '', database: it.db.database },
      position: '1' as Position,
      epoch: 1,
      state: null,
    };
    const open = async (savedAtMs: number): Promise<void> => {
      const source = sourceOf(it.db, options);
      const stream = await source.open({ after, savedAtMs, signal: AbortSignal.timeout(60_000) });
      await stream[Symbol.asyncDispose]();
    };
    const betweenSetups = async (): Promise<number> => {
      const [now] = await it.db.query<{ ms: string }>(
        'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8::text AS ms, pg_sleep(0.01)',
      );
      await sourceOf(it.db, options).setup();
      return Number(now?.ms);
    };
    const beforeU = await betweenSetups();
    await expect(open(beforeU)).rejects.toMatchObject({ code: 'GAP_SWITCH' });
    await open(Date.now() + 1_000);
    // A setup that finds everything as it has to be does not begin anew; one that enables a trigger does.
    await open((await betweenSetups()) + 1);
    await it.db.query('ALTER TABLE t DISABLE TRIGGER certyo_polling_deleted');
    await expect(open(await betweenSetups())).rejects.toMatchObject({ code: 'GAP_SWITCH' });
  });

  test('acceptTables: a table that was added is read from its beginning, the others go on', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)'],
      { tables: ['t'] },
    );
    await it.db.query('INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)');
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    const after = await reader.acknowledge();
    await reader[Symbol.asyncDispose]();
    const more = sourceOf(it.db, { tables: ['t', 'u'], acceptTables: true });
    await more.setup();
    await using again = await openReader(more, { after });
    await again.caughtUp();
    expect(again.told).toEqual(['snapshot u {"id":1}']);
  });

  test('a pipeline delivers rows and deletes to the API, and goes on in its next life', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY, note text)', "INSERT INTO t VALUES (1, 'a'), (2, 'b')"],
      { tables: ['t'] },
    );
    await using emulator = await startCertyoEmulator();
    for (const statement of [
      "UPDATE t SET note = 'c' WHERE id = 1",
      'DELETE FROM t WHERE id = 2',
    ]) {
      const pipeline = createPipeline(it.source, certyoSink({ env: { ...emulator.environment } }));
      await pipeline.start();
      await pipeline.caughtUp();
      await it.db.query(statement);
      await pipeline.caughtUp();
      await pipeline.drain();
      expect(await pipeline.closed).toBeNull();
    }
    const effects = emulator.effectsAfter(0, 100);
    const told = effects.map(({ operationType, recordId }) => `${operationType} ${recordId}`);
    expect(told.toSorted()).toEqual(['delete 2', 'upsert 1', 'upsert 1', 'upsert 2']);
  });
});
