import {
  type Checkpoint,
  CheckpointError,
  CheckpointFencedError,
  JsonNumber,
  type Position,
} from '@certyo-cdc/core';
import { startPostgres } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import pg from 'pg';
import { describe, expect, inject, test } from 'vitest';

import { postgresCheckpointStore } from './postgres-checkpoint-store.ts';
import { checkpointGrantSql } from './sql.ts';

const { signal } = new AbortController();

function at(position: string, more: Partial<Checkpoint> = {}): Checkpoint {
  return {
    kind: 'replication',
    identity: { systemIdentifier: '7412', tables: ['public.orders'] },
    position: position as Position,
    epoch: 3,
    state: null,
    ...more,
  };
}

// The server is shared with other test files.
const WAITING =
  "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";

describe('postgresCheckpointStore', () => {
  test('saves and loads without losing a digit, over an own connection and over a pool', async () => {
    await using database = await testDatabase();
    const pool = new pg.Pool({ connectionString: database.url });
    // `end()` does not wait for its connections: the database may be dropped under them.
    pool.on('error', () => undefined);
    const own = postgresCheckpointStore({ connection: database.url });
    const pooled = postgresCheckpointStore({ pool });
    try {
      const sql = await own.setup({ signal });
      expect(await pooled.setup({ signal })).toEqual(sql);
      const state = {
        big: new JsonNumber('123456789012345678901234567890.10'),
        text: "NUL \0, quote ', é, 😀",
        nested: [{ deep: [null, true, -1.5] }],
      };
      const saved = at('0/16B3748', { state });
      const before = Date.now();
      await own.save('orders', saved, { replaces: null, revision: 'r1', signal });
      for (const store of [own, pooled]) {
        const loaded = await store.load('orders', { signal });
        expect(loaded?.revision).toBe('r1');
        expect(loaded?.savedAtMs).toBeGreaterThan(before - 60_000);
        expect(loaded?.savedAtMs).toBeLessThan(Date.now() + 60_000);
        expect(loaded?.checkpoint).toEqual(saved);
        expect(await store.load('another', { signal })).toBeNull();
      }
      await pooled.save('orders', at('0/2'), { replaces: 'r1', revision: 'r2', signal });
      expect((await own.load('orders', { signal }))?.checkpoint.position).toBe('0/2');
    } finally {
      await own.close();
      await pooled.close();
      await pool.end();
    }
  });

  test('a state that is the one of the revision before is not written again; any other one is', async () => {
    await using database = await testDatabase();
    const one = postgresCheckpointStore({ connection: database.url });
    const two = postgresCheckpointStore({ connection: database.url });
    const save = (
      store: typeof one,
      position: string,
      state: Checkpoint['state'],
      [replaces, revision]: readonly [string | null, string],
    ): Promise<void> => store.save('p', at(position, { state }), { replaces, revision, signal });
    const stored = async (): Promise<readonly unknown[]> => {
      const found = await two.load('p', { signal });
      return [found?.checkpoint.position, found?.checkpoint.state, found?.revision];
    };
    // Shows whether a save has written it.
    const tamper = (): Promise<unknown> =>
      database.query(`UPDATE certyo.checkpoints SET state = '"tampered with"'`);
    try {
      await one.setup({ signal });
      await save(one, '0/1', { a: 1 }, [null, 'r1']);
      await tamper();
      await save(one, '0/2', { a: 1 }, ['r1', 'r2']);
      expect(await stored()).toEqual(['0/2', 'tampered with', 'r2']);
      await save(one, '0/3', { a: 2 }, ['r2', 'r3']);
      expect(await stored()).toEqual(['0/3', { a: 2 }, 'r3']);
      // Fenced, and nothing of it was written: the revision before is still what was written last.
      await expect(save(one, '0/9', { a: 9 }, ['r1', 'x'])).rejects.toThrow(CheckpointFencedError);
      // Another process has saved meanwhile, and is gone: its state is not the one that this one wrote.
      await save(two, '0/4', { a: 4 }, ['r3', 'r4']);
      await save(one, '0/5', { a: 2 }, ['r4', 'r5']);
      expect(await stored()).toEqual(['0/5', { a: 2 }, 'r5']);
      // A repeat does not know what the first call wrote.
      await save(two, '0/5', { a: 2 }, ['r4', 'r5']);
      await tamper();
      await save(two, '0/6', { a: 2 }, ['r5', 'r6']);
      expect(await stored()).toEqual(['0/6', { a: 2 }, 'r6']);
    } finally {
      await one.close();
      await two.close();
    }
  });

  test('a state that changes while it is saved is noted as it was written; one that is no JSON is a checkpoint error', async () => {
    await using database = await testDatabase();
    const store = postgresCheckpointStore({ connection: database.url });
    const save = (
      position: string,
      state: Checkpoint['state'],
      [replaces, revision]: readonly [string | null, string],
    ): Promise<void> => store.save('p', at(position, { state }), { replaces, revision, signal });
    try {
      await store.setup({ signal });
      const state = { copying: true };
      const saving = save('0/1', state, [null, 'r1']);
      state.copying = false;
      await saving;
      await save('0/2', { copying: true }, ['r1', 'r2']);
      const found = await store.load('p', { signal });
      expect(found?.checkpoint.state).toEqual({ copying: true });
      await expect(save('0/3', { rows: Number.NaN }, ['r2', 'r3'])).rejects.toThrow(
        CheckpointError,
      );
    } finally {
      await store.close();
    }
  });

  test('D-02: of two writers under one name the second is fenced; a repeated save succeeds', async () => {
    await using database = await testDatabase();
    const one = postgresCheckpointStore({ connection: database.url });
    const two = postgresCheckpointStore({ connection: database.url });
    try {
      await one.setup({ signal });
      await one.save('p', at('0/1'), { replaces: null, revision: 'a1', signal });
      await one.save('p', at('0/1'), { replaces: null, revision: 'a1', signal });
      const late = two.save('p', at('0/9'), { replaces: null, revision: 'b1', signal });
      await expect(late).rejects.toThrow(CheckpointFencedError);
      await one.save('p', at('0/2'), { replaces: 'a1', revision: 'a2', signal });
      await one.save('p', at('0/2'), { replaces: 'a1', revision: 'a2', signal });
      const stale = two.save('p', at('0/9'), { replaces: 'a1', revision: 'b2', signal });
      await expect(stale).rejects.toMatchObject({ code: 'CHECKPOINT_FENCED', retryable: false });
      expect((await two.load('p', { signal }))?.checkpoint.position).toBe('0/2');
    } finally {
      await one.close();
      await two.close();
    }
  });

  test('D-02: of many that save at once exactly one wins each round', async () => {
    await using database = await testDatabase();
    const stores = Array.from({ length: 6 }, () =>
      postgresCheckpointStore({ connection: database.url }),
    );
    try {
      await stores[0]?.setup({ signal });
      let replaces: string | null = null;
      for (let round = 0; round < 20; round += 1) {
        const outcomes = await Promise.allSettled(
          stores.map((store, index) =>
            store.save('p', at(`0/${String(round)}`), {
              replaces,
              revision: `${String(round)}-${String(index)}`,
              signal,
            }),
          ),
        );
        const winners = outcomes.flatMap((outcome, index) =>
          outcome.status === 'fulfilled' ? [`${String(round)}-${String(index)}`] : [],
        );
        expect(winners).toHaveLength(1);
        for (const outcome of outcomes)
          if (outcome.status === 'rejected')
            expect(outcome.reason).toBeInstanceOf(CheckpointFencedError);
        expect((await stores[1]?.load('p', { signal }))?.revision).toBe(winners[0]);
        replaces = winners[0] ?? null;
      }
    } finally {
      await Promise.all(stores.map((store) => store.close()));
    }
  });

  test('D-05: a checkpoint that was restored from a backup, or is gone, fences the running writer', async () => {
    await using database = await testDatabase();
    const store = postgresCheckpointStore({ connection: database.url });
    try {
      await store.setup({ signal });
      await store.save('p', at('0/1'), { replaces: null, revision: 'r1', signal });
      await database.query('CREATE TABLE backup AS SELECT * FROM certyo.checkpoints');
      await store.save('p', at('0/2'), { replaces: 'r1', revision: 'r2', signal });
      await database.query('DELETE FROM certyo.checkpoints');
      const gone = store.save('p', at('0/3'), { replaces: 'r2', revision: 'r3', signal });
      await expect(gone).rejects.toThrow('the checkpoint that it replaces is gone');
      await database.query('INSERT INTO certyo.checkpoints SELECT * FROM backup');
      const older = store.save('p', at('0/3'), { replaces: 'r2', revision: 'r3', signal });
      await expect(older).rejects.toThrow(CheckpointFencedError);
      expect((await store.load('p', { signal }))?.checkpoint.position).toBe('0/1');
    } finally {
      await store.close();
    }
  });

  test('a missing table and a missing privilege are answered by the SQL to run', async () => {
    await using database = await testDatabase();
    const role = `store_${database.database}`;
    await database.query(`CREATE ROLE ${role} LOGIN`);
    const owner = postgresCheckpointStore({ connection: database.url });
    const url = new URL(database.url);
    url.username = role;
    const store = postgresCheckpointStore({
      connection: { connectionString: url.href, password: 'x' },
    });
    try {
      const missing = await store.load('p', { signal }).catch((error: unknown) => error);
      expect(missing).toBeInstanceOf(CheckpointError);
      expect(missing).toMatchObject({ retryable: false });
      expect(String(missing)).toContain('CREATE TABLE IF NOT EXISTS "certyo".checkpoints');
      await owner.setup({ signal });
      const refused = await store.load('p', { signal }).catch((error: unknown) => error);
      expect(String(refused)).toContain(`GRANT USAGE ON SCHEMA "certyo" TO "${role}";`);
      for (const statement of checkpointGrantSql(role)) await database.query(statement);
      await store.save('p', at('0/1'), { replaces: null, revision: 'r1', signal });
      await store.save('p', at('0/2'), { replaces: 'r1', revision: 'r2', signal });
      expect((await store.load('p', { signal }))?.revision).toBe('r2');
      await owner.teardown({ signal });
      await expect(store.load('p', { signal })).rejects.toThrow(CheckpointError);
    } finally {
      await owner.close();
      await store.close();
      await database.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  test('dryRun prints the SQL and changes nothing; the schema is chosen and quoted', async () => {
    await using database = await testDatabase();
    const store = postgresCheckpointStore({ connection: database.url, schema: 'My "state"' });
    try {
      const sql = await store.setup({ dryRun: true, signal });
      expect(sql.join('\n')).toContain('CREATE SCHEMA IF NOT EXISTS "My ""state""";');
      expect(await database.query("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'My%'")).toEqual(
        [],
      );
      await Promise.all([store.setup({ signal }), store.setup({ signal })]);
      for (const statement of sql) await database.query(statement);
      await store.save('p', at('0/1'), { replaces: null, revision: 'r1', signal });
      expect((await store.load('p', { signal }))?.revision).toBe('r1');
    } finally {
      await store.close();
    }
  });

  test('D-04: after a crash of the server in mid-save a whole checkpoint is there, and none that was confirmed is lost', async () => {
    await using server = await startPostgres({ major: inject('postgresMajor') });
    await server.query('ALTER ROLE postgres SET synchronous_commit = off');
    const store = postgresCheckpointStore({ connection: server.url });
    try {
      await store.setup({ signal });
      let confirmed: string | null = null;
      let next = 0;
      for (let round = 0; round < 3; round += 1) {
        let crashing: Promise<void> | null = null;
        for (;;) {
          next += 1;
          const revision = `r${String(next)}`;
          try {
            await store.save('p', at(`0/${String(next)}`, { state: { revision } }), {
              replaces: confirmed,
              revision,
              signal,
            });
            confirmed = revision;
            crashing ??= new Promise((resolve) => {
              setTimeout(resolve, 60);
            }).then(() => server.crash());
          } catch (error) {
            expect(error).toMatchObject({ code: 'CHECKPOINT_STORE', retryable: true });
            break;
          }
        }
        await crashing;
        await server.start();
        const loaded = await store.load('p', { signal });
        expect([confirmed, `r${String(next)}`]).toContain(loaded?.revision);
        expect(loaded?.checkpoint.state).toEqual({ revision: loaded?.revision });
        confirmed = loaded?.revision ?? null;
      }
      expect(next).toBeGreaterThan(3);
    } finally {
      await store.close();
    }
  });

  test('a role or database that is read only by default is written to; a standby is waited out', async () => {
    await using server = await startPostgres({ major: inject('postgresMajor') });
    await server.query('ALTER ROLE postgres SET default_transaction_read_only = on');
    const store = postgresCheckpointStore({ connection: server.url });
    await using standby = await startPostgres({ standbyOf: server });
    const onStandby = postgresCheckpointStore({ connection: standby.url });
    try {
      await store.setup({ signal });
      await store.save('p', at('0/1'), { replaces: null, revision: 'r1', signal });
      await expect(
        onStandby.save('p', at('0/2'), { replaces: 'r1', revision: 'r2', signal }),
      ).rejects.toMatchObject({ code: 'CHECKPOINT_STORE', retryable: true });
    } finally {
      await store.close();
      await onStandby.close();
    }
  });

  test('an abort rejects with its reason, and the store goes on', async () => {
    await using database = await testDatabase();
    const store = postgresCheckpointStore({ connection: database.url });
    const locker = await database.client();
    try {
      await store.setup({ signal });
      await locker.query('BEGIN; LOCK TABLE certyo.checkpoints');
      const controller = new AbortController();
      const reason = new Error('enough');
      const save = store.save('p', at('0/1'), {
        replaces: null,
        revision: 'r1',
        signal: controller.signal,
      });
      await expect.poll(() => database.query(WAITING)).toHaveLength(1);
      controller.abort(reason);
      await expect(save).rejects.toBe(reason);
      // The statement does not go on in the server either.
      await expect.poll(() => database.query(WAITING)).toHaveLength(0);
      await locker.query('ROLLBACK');
      expect(await store.load('p', { signal })).toBeNull();
    } finally {
      await store.close();
    }
  });
});
