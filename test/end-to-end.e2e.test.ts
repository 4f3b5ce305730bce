import { changes, type Pipeline } from '@certyo-cdc/core';
import { compareEffects, installHistory, type HistoryTable } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { createRig, type Rig } from './support/rig.ts';

const T: readonly HistoryTable[] = [{ schema: 'public', name: 't', key: ['id'] }];
const TABLE = 'CREATE TABLE t (id int PRIMARY KEY, v text)';
const OPTIONS = { tables: ['public.t'] };
const EXACT = { lost: 0, duplicated: 0, reordered: 0, mismatched: 0 };

/** A rig whose table has a second witness of what was committed. */
async function witnessed(options: Partial<Parameters<typeof createRig>[1]> = {}): Promise<Rig> {
  const rig = await createRig([TABLE], { ...OPTIONS, ...options });
  await installHistory((sql, values) => rig.db.query(sql, values), T);
  return rig;
}

function compared(rig: Rig): ReturnType<typeof compareEffects> {
  return compareEffects((sql, values) => rig.db.query(sql, values), T, rig.certyo.records());
}

async function insert(rig: Rig, from: number, to: number, bytes = 10): Promise<void> {
  await rig.db.query(
    `INSERT INTO t SELECT i, repeat('x', ${bytes}) FROM generate_series(${from}, ${to}) AS i`,
  );
}

async function walsender(rig: Rig): Promise<{ pid: number; sent: boolean }> {
  const [row] = await rig.db.query<{ pid: number; sent: boolean }>(
    `SELECT r.pid, r.sent_lsn >= pg_current_wal_flush_lsn() AS sent
       FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid
      WHERE s.slot_name = $1`,
    [rig.slot],
  );
  return row ?? { pid: 0, sent: false };
}

async function caughtUp(pipeline: Pipeline): Promise<void> {
  await pipeline.caughtUp({ signal: AbortSignal.timeout(120_000) });
}

describe('end to end', () => {
  test('H-13, O-07: exactly the poison records are parked, wait over a restart, and are redriven in order', async () => {
    await using rig = await witnessed();
    const poison = ['137', '801'];
    const fault = rig.certyo.faults.add({
      kind: 'reject',
      scope: 'request',
      match: ({ record }) => record !== null && poison.includes(record.recordId),
      count: false,
    });
    const options = {
      onRejected: 'park',
      concurrency: 1,
      batch: { maxItems: 1000, lingerMs: 2_000 },
    } as const;
    {
      await using first = rig.pipeline({ pipeline: options });
      await insert(rig, 1, 1000);
      await first.pipeline.start();
      await expect.poll(() => first.pipeline.status().parked).toBe(2);
      expect(rig.certyo.requests[0]).toMatchObject({ recordCount: 1000, status: 400 });
      expect(first.pipeline.status().requests).toBeLessThanOrEqual(2 * 2 * Math.log2(1000) + 1);
      await rig.db.query(`UPDATE t SET v = 'second' WHERE id IN (137, 138)`);
      await caughtUp(first.pipeline);
      await rig.db.query(`DELETE FROM t WHERE id = 801`);
      await first.pipeline.drain();
    }
    const letters = async (): Promise<string[]> =>
      (
        await rig.db.query<{ lane: string; code: string }>(
          'SELECT lane, error_code AS code FROM certyo.dead_letters ORDER BY sequence',
        )
      ).map(({ lane, code }) => `${String((JSON.parse(lane) as string[])[2])} ${code}`);
    expect((await letters()).slice(0, 2).sort()).toEqual([
      '137 RECORD_REJECTED',
      '801 RECORD_REJECTED',
    ]);
    await using second = rig.pipeline({ pipeline: options });
    await second.pipeline.start();
    await rig.db.query(`UPDATE t SET v = 'third' WHERE id IN (137, 139)`);
    await caughtUp(second.pipeline);
    expect((await letters()).slice(2).sort()).toEqual([
      '137 LANE_BLOCKED',
      '137 LANE_BLOCKED',
      '801 LANE_BLOCKED',
    ]);
    expect(rig.held('public.t', '137')).toEqual([]);
    expect(second.pipeline.status().blockedLanes).toBe(2);
    expect(await second.pipeline.redrive()).toEqual({ delivered: 0, stillParked: 5 });
    await fault.remove();
    expect(await second.pipeline.redrive()).toEqual({ delivered: 5, stillParked: 0 });
    await rig.db.query(`UPDATE t SET v = 'fourth' WHERE id = 137`);
    await caughtUp(second.pipeline);
    await second.pipeline.drain();
    expect(rig.held('public.t', '137').map((held) => held.split('"v":')[1])).toEqual([
      '"xxxxxxxxxx"}',
      '"second"}',
      '"third"}',
      '"fourth"}',
    ]);
    expect(await letters()).toEqual([]);
    expect(await compared(rig)).toMatchObject({ ...EXACT, committed: 1006, accepted: 1006 });
  });

  test('I3: truncate and a change of columns pass nothing and are passed by nothing', async () => {
    await using rig = await createRig([TABLE], OPTIONS);
    // Answers in any order, if the pipeline let them.
    for (const delayMs of [300, 20, 200, 10, 100])
      rig.certyo.faults.add({ kind: 'slow', delayMs, applies: 'late' });
    await using started = rig.pipeline({ pipeline: { batch: { maxItems: 10, lingerMs: false } } });
    await insert(rig, 1, 100);
    await rig.db.query('TRUNCATE t');
    await insert(rig, 1, 50);
    await rig.db.query('ALTER TABLE t ADD w int');
    await rig.db.query('UPDATE t SET w = id');
    await started.pipeline.start();
    await caughtUp(started.pipeline);
    await started.pipeline.drain();
    const order = rig
      .effects('public.t')
      .map(({ recordId, operationType }) => (recordId.startsWith('$') ? recordId : operationType));
    const runs = order.filter((name, i) => name !== order[i - 1]);
    expect(runs).toEqual(['insert', '$truncate', 'insert', '$schema', 'update']);
    expect(order.length).toBe(100 + 1 + 50 + 1 + 50);
  });

  test('I3: a changed key is a delete of the old record and an upsert of the new one', async () => {
    await using rig = await witnessed();
    await using started = rig.pipeline();
    await started.pipeline.start();
    await rig.db.query(`INSERT INTO t VALUES (1, 'a')`);
    await rig.db.query(`UPDATE t SET id = 2 WHERE id = 1`);
    await rig.db.query(`INSERT INTO t VALUES (1, 'b')`);
    await rig.db.query(`DELETE FROM t WHERE id = 2`);
    await caughtUp(started.pipeline);
    await started.pipeline.drain();
    const operations = (id: string): string[] =>
      rig.held('public.t', id).map((held) => held.split(' ')[1] ?? '');
    expect(operations('1')).toEqual(['insert', 'delete', 'insert']);
    expect(operations('2')).toEqual(['upsert', 'delete']);
    expect(await compared(rig)).toMatchObject(EXACT);
  });

  test('R-25, I7: a transaction larger than every limit passes', async () => {
    await using rig = await witnessed({ source: { maxBufferedBytes: 65_536 } });
    await using started = rig.pipeline({
      pipeline: {
        limits: {
          maxInFlightBytes: 20_000,
          maxInFlightItems: 50,
          unacknowledged: { maxEvents: 100, warnEvents: 50, warnAgeMs: 50 },
        },
        batch: { maxItems: 40 },
      },
    });
    await started.pipeline.start();
    await insert(rig, 1, 5_000, 100);
    await insert(rig, 5_001, 5_100);
    await caughtUp(started.pipeline);
    await started.pipeline.drain();
    expect(started.events.some(({ type }) => type === 'unacknowledged-warned')).toBe(true);
    expect(await compared(rig)).toMatchObject({ ...EXACT, accepted: 5_100 });
  });

  test('I7, H-19: while the API is down reading pauses up to the server, which stays alive; then all arrives', async () => {
    await using rig = await createRig([TABLE], {
      ...OPTIONS,
      source: { maxBufferedBytes: 65_536 },
    });
    const down = rig.certyo.faults.add({ kind: 'down' });
    await using started = rig.pipeline({ pipeline: { limits: { maxInFlightBytes: 300_000 } } });
    await started.pipeline.start();
    const { pid } = await walsender(rig);
    await insert(rig, 1, 40_000, 600);
    const received = (): number => started.pipeline.status().received;
    let before = -1;
    await expect
      .poll(
        () => {
          const isStill = before === received() && before > 0;
          before = received();
          return isStill;
        },
        { interval: 500 },
      )
      .toBe(true);
    expect(started.pipeline.status().inFlight.bytes).toBeLessThan(1_000_000);
    expect(received()).toBeLessThan(10_000);
    expect(await walsender(rig)).toEqual({ pid, sent: false });
    expect(started.pipeline.status().breaker).not.toBe('closed');
    await down.remove();
    await caughtUp(started.pipeline);
    await started.pipeline.drain();
    expect(started.events.filter(({ type }) => type === 'source-disconnected')).toEqual([]);
    expect(rig.certyo.counters).toMatchObject({ effects: 40_000, regressions: 0, collisions: 0 });
  });

  test('H-10: a storm of 429 costs few requests and loses nothing', async () => {
    await using rig = await witnessed();
    rig.certyo.faults.add({ kind: 'rate-limit', retryAfter: 'absent', count: 20 });
    rig.certyo.faults.add({ kind: 'rate-limit', retryAfter: 'text', count: 5 });
    rig.certyo.faults.add({ kind: 'rate-limit', retryAfter: 'seconds', seconds: 1, count: 2 });
    await using started = rig.pipeline({ pipeline: { batch: { maxItems: 100 } } });
    await started.pipeline.start();
    await insert(rig, 1, 1_000);
    await rig.db.query(`UPDATE t SET v = 'later'`);
    await caughtUp(started.pipeline);
    await started.pipeline.drain();
    expect(rig.certyo.requests.filter(({ status }) => status === 429).length).toBe(27);
    // Two versions of 1,000 records in 100s, the refused ones, and what halving adds.
    expect(rig.certyo.counters.requests).toBeLessThan(150);
    expect(await compared(rig)).toMatchObject({ ...EXACT, accepted: 2_000 });
  });

  test('draining under load leaves nothing half done, and the next life goes on there', async () => {
    await using rig = await witnessed();
    let isWriting = true;
    let id = 0;
    let cut = 0;
    const write = async (): Promise<void> => {
      while (isWriting) await insert(rig, (id += 1), id);
    };
    const writing = write();
    for (let life = 0; life < 4; life += 1) {
      await using started = rig.pipeline({ pipeline: { batch: { maxItems: 7 } } });
      await started.pipeline.start();
      await expect.poll(() => started.pipeline.status().delivered).toBeGreaterThan(20);
      await started.pipeline.drain();
      const { inFlight, state, unacknowledged } = started.pipeline.status();
      expect({ state, items: inFlight.items }).toEqual({ state: 'stopped', items: 0 });
      // The one row of a transaction whose end was not read yet is delivered, and comes again.
      expect(unacknowledged.events).toBeLessThanOrEqual(1);
      cut += unacknowledged.events;
    }
    expect(rig.certyo.counters.replays).toBeLessThanOrEqual(cut);
    isWriting = false;
    await writing;
    await using last = rig.pipeline();
    await last.pipeline.start();
    await caughtUp(last.pipeline);
    await last.pipeline.drain();
    expect(rig.certyo.counters.replays).toBe(cut);
    expect(await compared(rig)).toMatchObject({ ...EXACT, committed: id });
  });

  test('of two pipelines with one name one is fenced, and no effect is doubled', async () => {
    await using rig = await witnessed();
    const other = { slot: `${rig.slot}_b`, name: rig.slot };
    await rig.source(other).setup();
    await using a = rig.pipeline();
    await using b = rig.pipeline({ source: other });
    await Promise.all([a.pipeline.start(), b.pipeline.start()]);
    await insert(rig, 1, 100);
    const error = await Promise.race([a.pipeline.closed, b.pipeline.closed]);
    expect(error).toMatchObject({ code: 'CHECKPOINT_FENCED' });
    const survivor = a.pipeline.status().state === 'running' ? a : b;
    await insert(rig, 101, 200);
    await caughtUp(survivor.pipeline);
    await survivor.pipeline.drain();
    expect(await compared(rig)).toMatchObject({ ...EXACT, accepted: 200 });
  });

  test('D-03: two pipelines of different names over one table have one effect per change', async () => {
    await using rig = await witnessed();
    const other = { slot: `${rig.slot}_b`, name: `${rig.slot}_b` };
    await rig.source(other).setup();
    await using a = rig.pipeline();
    await using b = rig.pipeline({ source: other });
    await Promise.all([a.pipeline.start(), b.pipeline.start()]);
    await insert(rig, 1, 100);
    await Promise.all([caughtUp(a.pipeline), caughtUp(b.pipeline)]);
    await Promise.all([a.pipeline.drain(), b.pipeline.drain()]);
    expect(rig.certyo.counters.replays).toBe(100);
    expect(await compared(rig)).toMatchObject({ ...EXACT, accepted: 100 });
  });

  test('D-08: a process that is blocked for longer than wal_sender_timeout loses nothing', async () => {
    await using rig = await witnessed();
    const [row] = await rig.db.query<{ name: string }>('SELECT current_database() AS name');
    await rig.db.query(`ALTER DATABASE "${row?.name ?? ''}" SET wal_sender_timeout = '1s'`);
    await using started = rig.pipeline();
    await started.pipeline.start();
    await insert(rig, 1, 50);
    const until = Date.now() + 2_500;
    while (Date.now() < until);
    await insert(rig, 51, 100);
    await caughtUp(started.pipeline);
    await started.pipeline.drain();
    expect(await compared(rig)).toMatchObject({ ...EXACT, accepted: 100 });
  });

  test('a standby waits for the slot, takes over and repeats no effect', async () => {
    await using rig = await witnessed();
    await using first = rig.pipeline();
    await first.pipeline.start();
    await insert(rig, 1, 100);
    await caughtUp(first.pipeline);
    await using standby = rig.pipeline({ source: { slotWaitMs: false } });
    let isUp = false;
    const starting = standby.pipeline.start().then(() => {
      isUp = true;
    });
    await expect
      .poll(() => standby.events.some(({ type }) => type === 'source-waiting'))
      .toBe(true);
    await insert(rig, 101, 200);
    await caughtUp(first.pipeline);
    expect(isUp).toBe(false);
    await rig.db.query('UPDATE t SET v = NULL');
    await first.pipeline.stop();
    await starting;
    await insert(rig, 201, 300);
    await caughtUp(standby.pipeline);
    await standby.pipeline.drain();
    expect(standby.pipeline.status().received).toBeLessThanOrEqual(300);
    expect(await compared(rig)).toMatchObject({ ...EXACT, accepted: 500 });
  });

  test('leaving a loop over changes saves and acknowledges what was passed', async () => {
    await using rig = await createRig([TABLE], OPTIONS);
    await insert(rig, 1, 3);
    const seen: unknown[] = [];
    for await (const event of changes(rig.source(), { checkpointIntervalMs: 60_000 })) {
      seen.push(event.id);
      if (seen.length === 3) await insert(rig, 4, 6);
      if (seen.length === 5) break;
    }
    const [row] = await rig.db.query<{ same: boolean }>(
      `SELECT s.confirmed_flush_lsn = c.position::pg_lsn AS same
         FROM certyo.checkpoints c, pg_replication_slots s WHERE s.slot_name = $1`,
      [rig.slot],
    );
    expect(row).toEqual({ same: true });
    for await (const event of changes(rig.source())) {
      expect(event.id).toBe(seen[3]);
      break;
    }
  });

  test('state may live in another database, and nothing of it in the captured one', async () => {
    await using state = await testDatabase();
    await using rig = await witnessed({ source: { stateConnection: state.url } });
    const fault = rig.certyo.faults.add({ kind: 'reject', match: { recordId: '7' }, count: false });
    for (const [from, to] of [
      [1, 50],
      [51, 100],
    ] as const) {
      await using started = rig.pipeline({ pipeline: { onRejected: 'park' } });
      await started.pipeline.start();
      await insert(rig, from, to);
      await caughtUp(started.pipeline);
      await started.pipeline.drain();
      expect(started.pipeline.status().received).toBe(50);
    }
    await fault.remove();
    const count = `SELECT (SELECT count(*)::int FROM certyo.checkpoints) AS checkpoints,
                          (SELECT count(*)::int FROM certyo.dead_letters) AS letters`;
    expect(await state.query(count)).toEqual([{ checkpoints: 1, letters: 1 }]);
    expect(await rig.db.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'certyo'`)).toEqual([]);
    await using last = rig.pipeline({ pipeline: { onRejected: 'park' } });
    await last.pipeline.start();
    expect(await last.pipeline.redrive()).toEqual({ delivered: 1, stillParked: 0 });
    await last.pipeline.drain();
    expect(await compared(rig)).toMatchObject({ ...EXACT, accepted: 100 });
  });
});
