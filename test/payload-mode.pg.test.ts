import type { ChangeSource } from '@certyo-cdc/core';
import { listenNotifySource, type PayloadSource } from '@certyo-cdc/listen-notify';
import { pollingSource, type PollingSource } from '@certyo-cdc/polling';
import { openReader, type StreamReader, type TestDatabase } from '@certyo-cdc/testing';
import {
  CREATE_RECORDS,
  describeChangeSource,
  recordsFixture,
  testDatabase,
} from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

/** Losses, and commits during a start. All of them: LISTENER_RUNS=200. */
const RUNS = Number(process.env['LISTENER_RUNS'] ?? 10);

const TABLES = ['public.records'];
const RECONNECT = { minDelayMs: 5, maxDelayMs: 50 };

/** Looks by itself every half minute only: what comes sooner is due to a notification. */
function polling(db: TestDatabase): PollingSource {
  return pollingSource({
    connection: db.url,
    tables: TABLES,
    intervalMs: { min: 30_000, max: 60_000 },
    reconnect: RECONNECT,
  });
}

function payload(db: TestDatabase): PayloadSource {
  return listenNotifySource({
    mode: 'payload',
    connection: db.url,
    tables: TABLES,
    catchUp: polling(db),
    listener: { heartbeatMs: 100, reconnect: RECONNECT },
  });
}

/** `id value` of each row, as it was handed over. */
function valuesOf({ rows }: StreamReader): string[] {
  return rows.map(({ after, key, operation }) =>
    after === null
      ? `${operation} ${String(key['id'])}`
      : `${String(after['id'])} ${String(after['value'])}`,
  );
}

describeChangeSource('payload mode over polling by xid', {
  shows: 'latest-state',
  create: async () => {
    const db = await testDatabase();
    await db.query(CREATE_RECORDS);
    await payload(db).setup();
    return await recordsFixture(db, () => payload(db));
  },
});

describe('payload mode over polling', () => {
  test('hands changes and deletes over at once, however seldom polling looks by itself', async () => {
    await using db = await testDatabase();
    await db.query(CREATE_RECORDS);
    await payload(db).setup();
    await using reading = await openReader(payload(db));
    await reading.caughtUp();
    for (let id = 1; id <= 20; id += 1) {
      await db.query('INSERT INTO records VALUES ($1, $2)', [id, 'a']);
      await expect.poll(() => valuesOf(reading)).toContain(`${id} a`);
    }
    await db.query(`UPDATE records SET value = repeat('é', 50000) WHERE id = 1`);
    await expect.poll(() => valuesOf(reading).at(-1)?.length).toBe(50_002);
    await db.query('DELETE FROM records WHERE id = 2');
    await expect.poll(() => valuesOf(reading).at(-1)).toBe('delete 2');
  });

  test('gives the events that polling gives by itself: ids, versions and bytes', async () => {
    await using db = await testDatabase();
    await db.query(CREATE_RECORDS);
    await payload(db).setup();
    const events = async (
      source: ChangeSource,
      work: () => Promise<unknown>,
    ): Promise<string[]> => {
      await using reading = await openReader(source);
      await reading.caughtUp();
      await work();
      await reading.caughtUp();
      return reading.events.map((event) => JSON.stringify(event)).sort();
    };
    const seen = await events(payload(db), () =>
      db.query(`INSERT INTO records SELECT x, 'größer ' || x FROM generate_series(1, 50) AS x`),
    );
    expect(seen).toHaveLength(50);
    expect(await events(polling(db), () => Promise.resolve())).toEqual(seen);
  });

  test(`N-01: ${RUNS} losses of the listening connection, with commits in each, lose nothing and wait for no interval`, async () => {
    await using db = await testDatabase();
    await db.query(CREATE_RECORDS);
    await payload(db).setup();
    await using reading = await openReader(payload(db));
    await reading.caughtUp();
    const writer = await db.client();
    let id = 0;
    for (let run = 0; run < RUNS; run += 1) {
      const writing = (async () => {
        for (let each = 0; each < 5; each += 1) {
          id += 1;
          await writer.query('INSERT INTO records VALUES ($1, $2)', [id, 'x']);
        }
      })();
      const [killed] = await Promise.all([endListener(db), writing]);
      expect(killed).toBeGreaterThanOrEqual(0);
      await expect.poll(() => new Set(valuesOf(reading)).size).toBe(id);
    }
  }, 600_000);

  test(`N-02: ${RUNS} starts amid commits lose nothing and wait for no interval`, async () => {
    await using db = await testDatabase();
    await db.query(CREATE_RECORDS);
    await payload(db).setup();
    let id = 0;
    for (let run = 0; run < RUNS; run += 1) {
      let isOpen = false;
      const writing = (async () => {
        while (!isOpen) {
          id += 1;
          await db.query('INSERT INTO records VALUES ($1, $2)', [id, 'x']);
        }
      })();
      await using reading = await openReader(payload(db));
      isOpen = true;
      await writing;
      await expect.poll(() => new Set(valuesOf(reading)).size).toBe(id);
    }
  }, 600_000);
});

/** Ends the connection that listens, where there is one at the moment. */
async function endListener(db: TestDatabase): Promise<number> {
  const ended = await db.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND (query LIKE 'LISTEN%' OR query LIKE '%pg_notification_queue_usage%') AND pid <> pg_backend_pid()`,
  );
  return ended.length;
}
