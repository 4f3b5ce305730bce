import type { Position } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import { capturedCounts, committedCounts, row, SHOP, windowRig } from '../testing/window-rig.ts';
import { checkWindows } from './check-windows.ts';
import { postgresWindowStore } from './postgres-window-store.ts';
import { windowGrantSql, windowReadGrantSql } from './sql.ts';
import { readWindow, windowHash } from './window.ts';

const { signal } = new AbortController();

describe('postgresWindowStore', () => {
  test('setup can be printed, run twice without a change, and taken back', async () => {
    await using it = await windowRig();
    const tables = async (): Promise<readonly string[]> =>
      (
        await it.database.query<{ name: string }>(
          `SELECT relname::text AS name FROM pg_class WHERE relnamespace = to_regnamespace('certyo')
           AND relkind = 'r' AND relname LIKE 'window%' ORDER BY 1`,
        )
      ).map(({ name }) => name);
    const made = ['window_chains', 'window_spans', 'windows'];
    expect(await tables()).toEqual(made);
    const printed = await it.windows.setup({ dryRun: true, signal });
    expect(await it.windows.setup({ signal })).toEqual(printed);
    expect(await tables()).toEqual(made);
    await it.windows.teardown({ signal });
    expect(await tables()).toEqual([]);
    for (const sql of printed) await it.database.query(sql);
    expect(await tables()).toEqual(made);
  });

  test('windows follow each other without holes, name the ones before them, and count what was committed', async () => {
    await using it = await windowRig();
    await it.fill(4);
    const windows = await it.list();
    expect(windows.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    const read = windows.map(({ content }) => readWindow(content));
    for (const [index, window] of read.entries()) {
      const before = read[index - 1];
      expect(window?.from).toBe(before === undefined ? null : before?.to);
      expect(window?.previousHash).toBe(windows[index - 1]?.hash ?? null);
      expect(windows[index]?.hash).toBe(windowHash(windows[index]?.content ?? ''));
      expect(window?.source).toMatchObject({ name: SHOP, kind: 'memory', epoch: 1 });
    }
    expect(read[3]?.counts).toEqual([
      {
        table: 'public.items',
        operation: 'insert',
        captured: 3,
        delivered: 3,
        skipped: 0,
        parked: 0,
      },
    ]);
    const check = await checkWindows({ windows: it.windows, pipeline: SHOP, signal });
    expect(check).toMatchObject({
      ok: true,
      windows: 4,
      first: null,
      uncounted: [],
      anchoring: null,
    });
    expect(capturedCounts(check.totals)).toEqual(committedCounts(it.source.committed));
  });

  test('a window is closed by the first checkpoint after its time, and not by one before', async () => {
    await using it = await windowRig({ windowMs: 300 });
    const pipeline = await it.start();
    const from = performance.now();
    for (let id = 0; (await it.list()).length < 3; id += 1) {
      it.source.push([row('insert', id)]);
      await pipeline.caughtUp();
    }
    await pipeline.drain();
    const closed = (await it.list()).length;
    // Each after its time; the clock has milliseconds.
    expect(closed * 299).toBeLessThan(performance.now() - from);
  });

  test('what another identity of the source gave is in a window of its own', async () => {
    await using it = await windowRig();
    const { windows } = it;
    const span = {
      pipeline: SHOP,
      counts: [],
      versions: null,
      committed: null,
    };
    const source = { name: SHOP, kind: 'memory', epoch: 1, identity: { timeline: 1 } };
    await windows.begin({ pipeline: SHOP, source, stored: null, signal });
    const steps = [
      { from: null, to: 'a', replaces: null, revision: '1', source },
      { from: 'a', to: 'b', replaces: '1', revision: '2', source },
      {
        from: 'b',
        to: 'c',
        replaces: '2',
        revision: '3',
        source: { ...source, identity: { timeline: 2 } },
      },
    ];
    for (const { from, to, ...step } of steps) {
      const ends = { from: from as Position | null, to: to as Position };
      await windows.stage({ ...span, ...step, ...ends }, { signal });
      await windows.saved(SHOP, step.revision, { signal });
    }
    await windows.closeNow(SHOP, { signal });
    const read = (await it.list()).map(({ content }) => readWindow(content));
    expect(read.map((window) => [window?.from, window?.to, window?.checkpoints])).toEqual([
      [null, 'b', 2],
      ['b', 'c', 1],
    ]);
  });

  test('what ran without windows is told as a stretch of which nothing is known', async () => {
    await using it = await windowRig();
    await it.fill(2);
    const without = await it.start({ windows: undefined });
    it.source.push([row('insert', 1000)]);
    await without.caughtUp();
    await without.drain();
    await it.fill(1);
    const check = await checkWindows({ windows: it.windows, pipeline: SHOP, signal });
    expect(check).toMatchObject({ ok: true, windows: 4, uncounted: [3] });
    const [, second, third, fourth] = (await it.list()).map(({ content }) => readWindow(content));
    expect([third?.from, third?.to]).toEqual([second?.to, fourth?.from]);
    expect(third?.counts).toEqual([]);
    expect(third?.uncounted).toContain('not one that was counted');
  });

  test('a pipeline that is enabled late begins its windows where it stands', async () => {
    await using it = await windowRig();
    const without = await it.start({ windows: undefined });
    it.source.push([row('insert', 1000)]);
    await without.caughtUp();
    await without.drain();
    await it.fill(1);
    const [first] = await it.list();
    expect(readWindow(first?.content ?? '')).toMatchObject({
      from: expect.any(String) as string,
      uncounted: null,
    });
  });

  test('an instance that is replaced loses the race, and its span counts nowhere', async () => {
    await using it = await windowRig();
    const { windows } = it;
    const source = { name: SHOP, kind: 'memory', epoch: 1, identity: {} };
    const counts = (captured: number) =>
      [
        { table: 't', operation: 'insert', captured, delivered: captured, skipped: 0, parked: 0 },
      ] as const;
    const span = { pipeline: SHOP, source, versions: null, committed: null };
    const other = postgresWindowStore({ connection: it.database.url });
    try {
      await windows.begin({ pipeline: SHOP, source, stored: null, signal });
      const a = 'a' as Position;
      const stored = {
        checkpoint: { kind: 'memory', identity: {}, position: a, epoch: 1, state: null },
        revision: '1',
        savedAtMs: 0,
      };
      await windows.stage(
        { ...span, from: null, to: a, replaces: null, revision: '1', counts: counts(1) },
        { signal },
      );
      await windows.saved(SHOP, '1', { signal });
      // Staged and not saved yet, when the other one begins; it is this one that wins.
      const b = 'b' as Position;
      await windows.stage(
        { ...span, from: a, to: b, replaces: '1', revision: '2', counts: counts(10) },
        { signal },
      );
      await other.begin({ pipeline: SHOP, source, stored, signal });
      await other.stage(
        { ...span, from: a, to: b, replaces: '1', revision: '2b', counts: counts(100) },
        { signal },
      );
      await windows.saved(SHOP, '2', { signal });
      await windows.closeNow(SHOP, { signal });
      // The other one has lost, and closes nothing.
      expect(await other.closeNow(SHOP, { signal })).toEqual([]);
      const check = await checkWindows({ windows, pipeline: SHOP, signal });
      expect(check).toMatchObject({ ok: true, windows: 1, uncounted: [] });
      expect(capturedCounts(check.totals)).toEqual({ 't insert': 11 });
      expect(await it.database.query('SELECT * FROM certyo.window_spans')).toEqual([]);
    } finally {
      await other.close();
    }
  });

  test('least privilege: who keeps windows can neither change nor remove a closed one', async () => {
    await using it = await windowRig();
    const { database } = it;
    const roles = ['keeper', 'reader'].map((name) => `${name}_${database.database}`);
    const [keeper = '', reader = ''] = roles;
    const url = (role: string): string => {
      const changed = new URL(database.url);
      changed.username = role;
      return changed.href;
    };
    const keeping = postgresWindowStore({ connection: url(keeper) });
    const reading = postgresWindowStore({ connection: url(reader) });
    try {
      for (const role of roles) await database.query(`CREATE ROLE ${role} LOGIN`);
      await expect(keeping.pipelines({ signal })).rejects.toMatchObject({
        code: 'WINDOW_STORE',
        retryable: false,
        remedy: expect.stringContaining('GRANT SELECT, INSERT') as string,
      });
      for (const sql of windowGrantSql(keeper)) await database.query(sql);
      for (const sql of windowReadGrantSql(reader)) await database.query(sql);
      const pipeline = await it.start({ windows: keeping });
      it.source.push([row('insert', 1)]);
      await pipeline.caughtUp();
      await pipeline.drain();
      expect(await keeping.closeNow(SHOP, { signal })).toHaveLength(1);
      expect(await checkWindows({ windows: reading, pipeline: SHOP, signal })).toMatchObject({
        ok: true,
        windows: 1,
      });
      for (const role of roles) {
        for (const sql of [
          'DELETE FROM certyo.windows',
          "UPDATE certyo.windows SET content = ''",
          'TRUNCATE certyo.windows',
        ]) {
          await expect(database.query(`SET ROLE ${role}; ${sql}`)).rejects.toMatchObject({
            code: '42501',
          });
          await database.query('RESET ROLE');
        }
      }
    } finally {
      await Promise.all([keeping.close(), reading.close()]);
      for (const role of roles) await database.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  test('without its tables the pipeline does not start, and the remedy is the SQL', async () => {
    await using it = await windowRig();
    await it.windows.teardown({ signal });
    await expect(it.start()).rejects.toMatchObject({
      code: 'WINDOW_STORE',
      remedy: expect.stringContaining('CREATE TABLE IF NOT EXISTS "certyo".windows') as string,
    });
  });
});
