import type { SourceEvent } from '@certyo-cdc/core';
import { connect, destroyClient, resolveConnection, sqlStateOf } from '@certyo-cdc/postgres';
import { openReader, type StreamReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';
import { readFirstPart } from '../testing/first-part.ts';

/** A table of many blocks: wide rows, of which the reader's buffers hold a small part. */
const WIDE = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  `ALTER TABLE t ALTER v SET STORAGE EXTERNAL`,
  `INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 14000) i`,
];
const SLOW = { tables: ['t'], copy: { parallel: 1 }, maxBufferedBytes: 65_536 } as const;

/** Starts a first copy whose slot another one takes as soon as it is there; false where that one came too late. */
async function startOvertaken(): Promise<boolean> {
  const options = { ...SLOW, slotWaitMs: false } as const;
  await using it = await captured(WIDE, options);
  const { signal } = new AbortController();
  const other = await connect(resolveConnection(it.db.url), { replication: true, signal });
  try {
    const command = `START_REPLICATION SLOT "${it.db.database}" LOGICAL 0/0 (proto_version '1', publication_names 'certyo_cdc')`;
    let isOpen = false;
    const opening = openReader(sourceOf(it.db, options));
    opening.then(
      () => (isOpen = true),
      () => (isOpen = true),
    );
    // Fails until the slot is there, and does not come back once it has it.
    const taking = (async (): Promise<void> => {
      while (!isOpen) {
        const error: unknown = await other.query(command).then(
          () => null,
          (failure: unknown) => failure,
        );
        if (sqlStateOf(error) === null) return;
      }
    })();
    const { processID } = other as unknown as { readonly processID: number };
    const holder = 'SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1';
    const isTaken = async (): Promise<boolean> =>
      (await it.db.query<{ readonly active_pid: number }>(holder, [it.db.database])).at(0)
        ?.active_pid === processID;
    let taken = false;
    await expect.poll(async () => isOpen || (taken = await isTaken())).toBe(true);
    if (taken) {
      const idle = `SELECT query FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()`;
      await expect.poll(() => it.db.query(idle)).toEqual([]);
      destroyClient(other);
    }
    await taking;
    await using reader = await opening;
    await reader.caughtUp();
    expect(new Set(reader.rows.map((row) => row.key['id'])).size).toBe(14_000);
    return taken;
  } finally {
    destroyClient(other);
  }
}

describe('the first copy', () => {
  test('R-29: transactions that are running: named, and nothing is left behind', async () => {
    const options = { tables: ['t'], copy: { slotLockTimeoutMs: 500 } };
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], options);
    const writer = await it.db.client();
    await writer.query('BEGIN; INSERT INTO t VALUES (1)');
    const [row] = (await writer.query('SELECT pg_backend_pid() AS pid')).rows as { pid: number }[];
    await expect(openReader(it.source)).rejects.toThrow(
      new RegExp(`within 0.5 s.*${row?.pid} \\(database ${it.db.database}\\)`),
    );
    await writer.query('COMMIT');
    const slots = 'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1';
    await expect.poll(() => it.db.query(slots, [it.db.database])).toEqual([]);
    await using reader = await openReader(sourceOf(it.db, { tables: ['t'], copy: true }));
    await reader.caughtUp();
    expect(reader.told).toEqual(['snapshot t {"id":1}']);
  });

  test('R-29: abort while the slot is waited for', async () => {
    const options = { tables: ['t'], copy: true };
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], options);
    const writer = await it.db.client();
    await writer.query('BEGIN; INSERT INTO t VALUES (1)');
    const abort = new AbortController();
    const opening = it.source.open({ after: null, signal: abort.signal });
    opening.catch(() => undefined);
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT%' AND datname = current_database()`;
    await expect.poll(async () => (await it.db.query(waiting)).length).toBeGreaterThan(0);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(opening).rejects.toBe(reason);
    await expect
      .poll(() =>
        it.db.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [it.db.database]),
      )
      .toEqual([]);
    await writer.query('ROLLBACK');
  });

  test('two instances that begin at once: one reads, the other waits for the slot', async () => {
    const options = { tables: ['t'], copy: true, slotWaitMs: 1_000 } as const;
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)'],
      options,
    );
    const both = await Promise.allSettled([
      openReader(sourceOf(it.db, options)),
      openReader(sourceOf(it.db, options)),
    ]);
    const told = both.map((one) =>
      one.status === 'fulfilled' ? 'reads' : (one.reason as { readonly code?: string }).code,
    );
    for (const one of both) if (one.status === 'fulfilled') await one.value[Symbol.asyncDispose]();
    expect(told.sort()).toEqual(['SOURCE_BUSY', 'reads']);
  });

  test('one that made the slot and does not get it holds no snapshot while it waits', async () => {
    // Between the slot and its reading there is a moment, in which another one has to come: if it misses it, it tries again.
    let isTaken = false;
    for (let attempt = 0; attempt < 30 && !isTaken; attempt += 1) isTaken = await startOvertaken();
    expect(isTaken).toBe(true);
  });

  test('S-02: what is cut off goes on in chunks beside the stream', async () => {
    await using it = await captured(WIDE, SLOW);
    await using reader = await openReader(it.source, { paused: true });
    await it.db.query(`UPDATE t SET v = 'second' WHERE id = 13999`);
    await it.db.query('DELETE FROM t WHERE id = 14000');
    const terminate = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'COPY%'`;
    await expect.poll(async () => (await it.db.query(terminate)).length).toBeGreaterThan(0);
    reader.resume();
    await reader.caughtUp();
    expect(reader.sourceEvents).toContainEqual(
      expect.objectContaining({ type: 'source-warned', code: 'COPY_CUT_OFF' }),
    );
    const newest = new Map(reader.rows.map((row) => [row.key['id'], row]));
    expect(newest.size).toBe(14_000);
    expect(newest.get(13_999)?.after?.['v']).toBe('second');
    expect(newest.get(14_000)?.operation ?? 'delete').toBe('delete');
    assertVersionsGrow(reader);
  });

  test('S-06: a life that ends in the middle: the next one copies what is missing, not from zero', async () => {
    await using it = await captured(WIDE, SLOW);
    const { after, rows } = await readFirstPart(it.source);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.length).toBeLessThan(14_000);
    await it.db.query(`UPDATE t SET v = 'second' WHERE id = 1`);
    await it.db.query('DELETE FROM t WHERE id = 14000');
    await using reader = await openReader(sourceOf(it.db, SLOW), { after });
    await reader.caughtUp();
    const copied = reader.rows.filter((row) => row.operation === 'snapshot').length;
    expect(copied).toBeGreaterThan(0);
    expect(copied).toBeLessThan(12_000);
    const keys = reader.rows.map((row) => row.key['id']);
    expect(keys).toContain(13_999);
    expect(reader.rows.find((row) => row.key['id'] === 14_000)?.operation).toBe('delete');
    const done = await reader.acknowledge();
    expect(done.state).not.toHaveProperty('copy');
  });

  test.each([
    ['VACUUM FULL', 'VACUUM FULL z'],
    ['a rewrite by ALTER TABLE', 'ALTER TABLE z ALTER id TYPE bigint'],
    ['a column more', `ALTER TABLE z ADD COLUMN v text DEFAULT 'x'`],
  ])('a table that is written anew between snapshot and copy: %s', async (_name, statement) => {
    const options = { ...SLOW, tables: ['t', 'z'] };
    await using it = await captured(
      [
        ...WIDE,
        'CREATE TABLE z (id int PRIMARY KEY)',
        'INSERT INTO z SELECT generate_series(1, 100)',
      ],
      options,
    );
    await using reader = await openReader(it.source, { paused: true });
    await it.db.query(statement);
    reader.resume();
    await reader.caughtUp();
    const later = reader.rows.filter((row) => row.table.name === 'z');
    expect(new Set(later.map((row) => String(row.key['id']))).size).toBe(100);
  });

  test('the role needs SELECT, and row security that would hide rows is refused', async () => {
    const options = { tables: ['t'], copy: true };
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], options);
    const role = `role_${it.db.database}`;
    await it.db.query(`CREATE ROLE ${role} LOGIN REPLICATION`);
    try {
      const url = new URL(it.db.url);
      url.username = role;
      const source = sourceOf(it.db, { ...options, connection: url.href });
      await expect(openReader(source)).rejects.toThrow(`GRANT SELECT ON "public"."t" TO "${role}"`);
      await it.db.query(`GRANT SELECT ON t TO ${role}`);
      await it.db.query('ALTER TABLE t ENABLE ROW LEVEL SECURITY');
      await expect(openReader(source)).rejects.toThrow(`ALTER ROLE "${role}" BYPASSRLS`);
      await it.db.query('ALTER TABLE t DISABLE ROW LEVEL SECURITY');
      await using reader = await openReader(source);
      await reader.caughtUp();
    } finally {
      await it.db.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1',
        [role],
      );
      await it.db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  test('S-03: by key nothing stays open, and changes do not wait for the copy', async () => {
    const options = { ...SLOW, copy: { method: 'keyset', chunkRows: 1_000 } } as const;
    await using it = await captured(WIDE, options);
    const sourceEvents: SourceEvent[] = [];
    // The copy comes as far as its buffer is large, whenever the update is made.
    await using reader = await openReader(it.source, { sourceEvents, paused: true });
    await expect.poll(() => reader.rows.length).toBeGreaterThan(0);
    await it.db.query(`UPDATE t SET v = 'second' WHERE id = 1`);
    reader.resume();
    await reader.caughtUp();
    const updated = reader.rows.findIndex((row) => row.operation === 'update');
    expect(updated).toBeGreaterThan(0);
    expect(updated).toBeLessThan(12_000);
    expect(new Set(reader.rows.map((row) => row.key['id'])).size).toBe(14_000);
    expect(sourceEvents.map((event) => event.type)).toEqual(
      expect.arrayContaining(['copy-started', 'copy-finished']),
    );
    expect(sourceEvents.findLast((event) => event.type === 'copy-finished')).toMatchObject({
      copy: 'first',
      table: 'public.t',
      rows: 14_000,
    });
    assertVersionsGrow(reader);
  });
});

/** Whatever is told of a row later has a greater version than what was told before. */
function assertVersionsGrow(reader: StreamReader): void {
  const versions = new Map<unknown, string>();
  for (const row of reader.rows) {
    const key = row.key['id'];
    const before = versions.get(key) ?? '';
    if (!(row.version > before)) throw new Error(`${String(key)}: ${before}, then ${row.version}`);
    versions.set(key, row.version);
  }
}
