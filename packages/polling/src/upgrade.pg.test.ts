import { openReader } from '@certyo-cdc/testing';
import type { Checkpoint, JsonValue } from '@certyo-cdc/core';
import { resolveConnection, sqlSession } from '@certyo-cdc/postgres';
import type { TestDatabase } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { normalizePollingOptions } from './normalize-options.ts';
import { readPollingState } from './setup/table-state.ts';
import { TriggerWatch } from './setup/trigger-watch.ts';
import { pollingSpec } from './stream/polling-spec.ts';
import { type Captured, captured, sourceOf } from './testing/captured.ts';

const { signal } = new AbortController();

const TABLES = [
  'CREATE TABLE t (id int PRIMARY KEY)',
  'CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)',
  'CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000000)',
];

const OPTIONS = { tables: ['t', 'p'] };

const STAMP = 'zzz_certyo_stamp';

/** Has the triggers of a table call functions with other names and texts, as another version would. */
const otherVersion = (table: string): string => `DO $do$
DECLARE
  v_trigger record;
BEGIN
  FOR v_trigger IN
    SELECT t.tgname, pg_get_triggerdef(t.oid) AS definition, p.proname, pg_get_functiondef(p.oid) AS function
      FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = '${table}'::regclass AND t.tgname LIKE '%certyo%'
  LOOP
    EXECUTE replace(replace(v_trigger.function, v_trigger.proname, 'other_' || v_trigger.proname), 'BEGIN', 'BEGIN ');
    EXECUTE format('DROP TRIGGER %I ON ${table}', v_trigger.tgname);
    EXECUTE replace(v_trigger.definition, v_trigger.proname, 'other_' || v_trigger.proname);
    EXECUTE format('ALTER TABLE ${table} ENABLE ALWAYS TRIGGER %I', v_trigger.tgname);
  END LOOP;
END $do$`;

/** Changes the text of the function of a trigger, and only that. */
const replacedByHand = (trigger: string): string => `DO $do$ BEGIN
  EXECUTE (SELECT replace(pg_get_functiondef(tgfoid), 'BEGIN', 'BEGIN ') FROM pg_trigger WHERE tgname = '${trigger}' AND tgrelid = 't'::regclass);
END $do$`;

/** What a source would have remembered, had it made what is there now. */
async function remembered(db: TestDatabase, after: Checkpoint): Promise<Checkpoint> {
  const session = sqlSession(resolveConnection(db.url, {}));
  try {
    const spec = pollingSpec(normalizePollingOptions({ connection: db.url, ...OPTIONS }));
    const watch = new TriggerWatch(spec, await readPollingState(session, spec, { signal }), null);
    await watch.check(session, { signal });
    const triggers = JSON.parse(JSON.stringify(watch)) as JsonValue;
    return { ...after, state: { ...(after.state as object), triggers } };
  } finally {
    await session.close();
  }
}

/** Reads what is there, and nothing afterwards: who alters tables then has them to himself. */
async function readAll({ source }: Captured): Promise<Checkpoint> {
  await using reader = await openReader(source);
  await reader.caughtUp();
  return await reader.acknowledge();
}

/** A checkpoint behind row 0, of a source that was set up by an older version, or by this one. */
async function withCheckpoint(isOld = false): Promise<Captured & { readonly after: Checkpoint }> {
  const it = await captured(TABLES, OPTIONS);
  await it.db.query('INSERT INTO t VALUES (0); INSERT INTO p VALUES (0)');
  const after = await readAll(it);
  if (!isOld) return { ...it, after };
  for (const table of ['t', 'p']) await it.db.query(otherVersion(table));
  return { ...it, after: await remembered(it.db, after) };
}

/** Writes one row after the other into both tables until told to stop, which gives their number. */
function writing(db: TestDatabase): () => Promise<number> {
  const stop = new AbortController();
  const done = (async () => {
    const client = await db.client();
    let id = 0;
    while (!stop.signal.aborted) {
      id += 1;
      await client.query(`INSERT INTO t VALUES (${id}); INSERT INTO p VALUES (${id})`);
      await client.query(`DELETE FROM t WHERE id = ${id} AND id % 2 = 0`);
    }
    await client.end();
    return id;
  })();
  return async () => {
    stop.abort();
    return await done;
  };
}

function codeOf(opening: Promise<AsyncDisposable>): Promise<string> {
  return opening.then(
    async (reader) => {
      await reader[Symbol.asyncDispose]();
      return 'opened';
    },
    (error: unknown) => (error as { readonly code: string }).code,
  );
}

/** What is there after so many rows, and that every second one of `t` was deleted. */
async function expectAll(it: Captured, after: Checkpoint, count: number): Promise<void> {
  await using reader = await openReader(it.source, { after });
  await reader.caughtUp();
  const expected = Array.from({ length: count }, (_, i) => i + 1).flatMap((id) => [
    `snapshot p {"id":${id}}`,
    id % 2 === 0 ? `delete t {"id":${id}}` : `snapshot t {"id":${id}}`,
  ]);
  expect(reader.told.toSorted()).toEqual(expected.toSorted());
}

describe('setup by a newer version', () => {
  test('P-06: replaces triggers under writers; no gap, nothing lost, twice in a row', async () => {
    await using it = await withCheckpoint(true);
    const { db, source } = it;
    expect(await codeOf(openReader(source, { after: it.after }))).toBe('SOURCE_SETUP');
    const stop = writing(db);
    await source.setup();
    expect(await source.setup()).toEqual([]);
    const count = await stop();
    await expectAll(it, it.after, count);
  });

  test('P-06: a DBA runs in psql what it prints', async () => {
    await using it = await withCheckpoint(true);
    const stop = writing(it.db);
    for (const sql of await it.source.setup({ dryRun: true })) await it.db.query(sql);
    expect(await it.source.setup()).toEqual([]);
    await expectAll(it, it.after, await stop());
  });

  test('P-06: who is polling goes on; a partition that was made meanwhile is no gap either', async () => {
    await using it = await withCheckpoint();
    await it.db.query('CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (1000000) TO (2000000)');
    await it.db.query('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA certyo FROM PUBLIC');
    const after = await remembered(it.db, it.after);
    await it.db.query('CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (2000000) TO (3000000)');
    // Another source over the table needs one column more in the stamp.
    const other = sourceOf(it.db, {
      name: 'other',
      tables: ['t', 'p'].map((table) => ({ table, lastUpdate: 'last_update' })),
    });
    expect((await other.setup()).join()).toContain('polling_replacements');
    expect(await codeOf(openReader(it.source, { after }))).toBe('opened');
    await using reader = await openReader(it.source, { after });
    await it.db.query('INSERT INTO p VALUES (1), (1000001), (2000001)');
    await reader.caughtUp();
    expect(reader.rows.map(({ key }) => key?.['id']).toSorted()).toHaveLength(3);
  });

  test('P-06: the first one that keeps notes', async () => {
    await using it = await withCheckpoint(true);
    await it.db.query('DROP TABLE certyo.polling_replacements');
    await it.source.setup();
    expect(await codeOf(openReader(it.source, { after: it.after }))).toBe('opened');
  });
});

describe('setup by this version', () => {
  test('P-06: rights that it takes are no gap', async () => {
    await using it = await withCheckpoint();
    await it.db.query('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA certyo TO PUBLIC');
    const byHand = await remembered(it.db, it.after);
    expect((await it.source.setup()).join()).toContain('REVOKE');
    expect(await codeOf(openReader(it.source, { after: byHand }))).toBe('opened');
    expect(await codeOf(openReader(it.source, { after: it.after }))).toBe('GAP_TRIGGER');
  });

  test('P-06: a stamp that was kept in another column for a while is a gap', async () => {
    await using it = await withCheckpoint();
    const other = sourceOf(it.db, {
      name: 'other',
      tables: [{ table: 't', cursor: { kind: 'xid', column: 'other_xid' } }],
    });
    await other.setup();
    await it.db.query('INSERT INTO t VALUES (1)');
    expect(await codeOf(openReader(it.source, { after: it.after }))).toBe('GAP_TRIGGER');
    await it.source.setup();
    expect(await it.source.setup()).toEqual([]);
    expect(await codeOf(openReader(it.source, { after: it.after }))).toBe('GAP_TRIGGER');
  });

  const INTERVENTIONS: readonly (readonly [string, readonly string[]])[] = [
    [
      'disabled and enabled again',
      [`ALTER TABLE t DISABLE TRIGGER ${STAMP}`, `ALTER TABLE t ENABLE ALWAYS TRIGGER ${STAMP}`],
    ],
    ['disabled', [`ALTER TABLE t DISABLE TRIGGER ${STAMP}`]],
    ['disabled on a partition', [`ALTER TABLE p1 DISABLE TRIGGER ${STAMP}`]],
    ['dropped', ['DROP TRIGGER certyo_polling_deleted ON t']],
    ['dropped and made again', [otherVersion('t')]],
    ['replaced in the function of the stamp', [replacedByHand(STAMP)]],
    ['replaced in the function of the tombstones', [replacedByHand('certyo_polling_deleted')]],
  ];

  test.each(INTERVENTIONS)(
    'P-06: a trigger that somebody %s is a gap, also when setup has mended it',
    async (_name, sql) => {
      for (const isMended of [false, true]) {
        await using it = await withCheckpoint();
        for (const one of sql) await it.db.query(one);
        if (isMended) await it.source.setup();
        if (isMended) expect(await it.source.setup()).toEqual([]);
        expect(await codeOf(openReader(it.source, { after: it.after }))).toBe('GAP_TRIGGER');
      }
    },
  );

  test('P-06: teardown, then setup, is a gap; the notes go with the last source', async () => {
    await using it = await withCheckpoint();
    const other = sourceOf(it.db, { name: 'other', tables: ['t'] });
    await other.setup();
    const notes = (): Promise<readonly object[]> =>
      it.db.query("SELECT FROM pg_class WHERE relname = 'polling_replacements'");
    await it.source.teardown();
    expect(await notes()).toHaveLength(1);
    await other.teardown();
    expect(await notes()).toHaveLength(0);
    await it.source.setup();
    expect(await codeOf(openReader(it.source, { after: it.after }))).toMatch(/^GAP_/);
  });
});
