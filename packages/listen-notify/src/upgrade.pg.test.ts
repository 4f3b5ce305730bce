import { openReader, type StreamReader } from '@certyo-cdc/testing';
import type { Checkpoint, JsonValue } from '@certyo-cdc/core';
import { resolveConnection, sqlSession } from '@certyo-cdc/postgres';
import type { TestDatabase } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { normalizeDurableOptions } from './normalize-options.ts';
import { readCaptureState } from './setup/capture-state.ts';
import { logFunctions } from './setup/change-log-sql.ts';
import { functionSql } from './setup/function-header.ts';
import { withFunctionNoted } from './setup/noted-replacement.ts';
import { type Captured, captured } from './testing/captured.ts';

const { signal } = new AbortController();

const TABLES = [
  'CREATE TABLE t (id int PRIMARY KEY)',
  'CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)',
  'CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000000)',
];

const OPTIONS = { tables: ['t', 'p'], sweepMs: 100 };

const ROW = '"00_certyo_change_log"';

const PARTS = ['describe', 'key', 'reorder', 'capture', 'truncate'] as const;

/** The same functions with other texts. */
function otherFunctions(): readonly { readonly part: string; readonly sql: string }[] {
  const settings = {
    stateSchema: 'certyo',
    log: 'change_log',
    doorbell: false,
    ddl: false,
  } as const;
  return logFunctions(settings).map(({ definition, part }) => ({
    part,
    sql: functionSql({ ...definition, body: `${definition.body}-- other\n` }).join(' '),
  }));
}

const replacedByHand = (part: string): string =>
  otherFunctions().find((one) => one.part === part)?.sql ?? '';

/** What a source would have remembered, had it made what is there now. */
async function remembered(db: TestDatabase, after: Checkpoint): Promise<Checkpoint> {
  const session = sqlSession(resolveConnection(db.url, {}));
  try {
    const { fingerprint } = await readCaptureState(
      session,
      normalizeDurableOptions({ connection: db.url, ...OPTIONS }),
      { signal, versionNumber: db.major * 10_000 },
    );
    const capture = JSON.parse(JSON.stringify(fingerprint)) as JsonValue;
    return { ...after, state: { ...(after.state as object), capture } };
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

/** A checkpoint behind row 1, of a source that was set up by an older version, or by this one. */
async function withCheckpoint(isOld = false): Promise<Captured & { readonly after: Checkpoint }> {
  const it = await captured(TABLES, OPTIONS);
  await it.db.query('INSERT INTO t VALUES (0); INSERT INTO p VALUES (0)');
  const after = await readAll(it);
  if (!isOld) return { ...it, after };
  for (const { sql } of otherFunctions()) await it.db.query(sql);
  await it.db.query(
    `DROP TRIGGER ${ROW} ON t; CREATE TRIGGER ${ROW} AFTER INSERT OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION certyo.change_log_capture(); ALTER TABLE t ENABLE ALWAYS TRIGGER ${ROW}`,
  );
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

const rows = (reader: StreamReader): readonly string[] => [...reader.told].sort();

const written = (count: number): readonly string[] =>
  ['t', 'p']
    .flatMap((table) => Array.from({ length: count }, (_, i) => `insert ${table} {"id":${i + 1}}`))
    .sort();

describe('setup by a newer version', () => {
  test('N-12: replaces functions and triggers under writers; no gap, nothing lost, twice in a row', async () => {
    await using it = await withCheckpoint(true);
    const { db, source } = it;
    expect(await codeOf(openReader(source, { after: it.after }))).toBe('SOURCE_SETUP');
    const stop = writing(db);
    const first = await source.setup();
    expect(first.filter((sql) => sql.startsWith('DO ')).length).toBeGreaterThan(PARTS.length);
    expect(await source.setup()).toEqual([]);
    // Still another version, which only notes: as its setup() would.
    for (const { definition } of logFunctions({
      stateSchema: 'certyo',
      log: 'change_log',
      doorbell: false,
      ddl: false,
    }).filter(({ part }) => PARTS.some((one) => one === part)))
      await db.query(
        withFunctionNoted(
          { stateSchema: 'certyo', log: 'change_log' },
          definition,
          functionSql(definition),
        ),
      );
    const count = await stop();
    await using reader = await openReader(source, { after: it.after });
    await reader.caughtUp();
    expect(rows(reader)).toEqual(written(count));
    expect(reader.sourceEvents.filter(({ type }) => type === 'source-warned')).toEqual([]);
  });

  test('N-12: a DBA runs in psql what it prints', async () => {
    await using it = await withCheckpoint(true);
    const stop = writing(it.db);
    const printed = await it.source.setup({ dryRun: true });
    for (const sql of printed) await it.db.query(sql);
    expect(await it.source.setup()).toEqual([]);
    const count = await stop();
    await using reader = await openReader(it.source, { after: it.after });
    await reader.caughtUp();
    expect(rows(reader)).toEqual(written(count));
  });

  test('N-12: an older version that is reading goes on, with a warning; it does not start any more', async () => {
    await using it = await withCheckpoint();
    await using reader = await openReader(it.source, { after: it.after });
    const name = { stateSchema: 'certyo', log: 'change_log' };
    for (const { definition, part } of logFunctions({ ...name, doorbell: false, ddl: false }))
      if (PARTS.some((one) => one === part))
        await it.db.query(withFunctionNoted(name, definition, [replacedByHand(part)]));
    await expect
      .poll(() => reader.sourceEvents.filter(({ type }) => type === 'source-warned'))
      .toHaveLength(PARTS.length);
    await it.db.query('INSERT INTO t VALUES (1); INSERT INTO p VALUES (1)');
    await reader.caughtUp();
    expect(rows(reader)).toEqual(written(1));
    const after = JSON.parse(JSON.stringify(reader.checkpoint())) as Checkpoint;
    await reader[Symbol.asyncDispose]();
    expect(await codeOf(openReader(it.source, { after }))).toBe('SOURCE_SETUP');
    await it.source.setup();
    expect(await codeOf(openReader(it.source, { after: it.after }))).toBe('opened');
    expect(await codeOf(openReader(it.source, { after }))).toBe('opened');
  });

  test('N-12: the first one that keeps notes', async () => {
    await using it = await withCheckpoint(true);
    await it.db.query('DROP TABLE certyo.change_log_replacements');
    await it.source.setup();
    expect(await codeOf(openReader(it.source, { after: it.after }))).toBe('opened');
  });
});

describe('setup by this version', () => {
  test('N-12: rights that it gives and takes are no gap', async () => {
    await using it = await withCheckpoint();
    const { db, source } = it;
    const role = `owner_${db.database}`;
    await db.query(`CREATE ROLE ${role}`);
    try {
      await db.query(`ALTER TABLE p OWNER TO ${role}`);
      expect((await source.setup()).join()).toContain('GRANT EXECUTE');
      expect(await codeOf(openReader(source, { after: it.after }))).toBe('opened');
      // What somebody gave by hand is not vouched for, nor that setup takes it back.
      await db.query('GRANT EXECUTE ON FUNCTION certyo.change_log_capture() TO PUBLIC');
      const byHand = await remembered(db, it.after);
      expect((await source.setup()).join()).toContain('REVOKE');
      expect(await codeOf(openReader(source, { after: it.after }))).toBe('GAP_TRIGGER');
      expect(await codeOf(openReader(source, { after: byHand }))).toBe('opened');
    } finally {
      await db.query(
        `REASSIGN OWNED BY ${role} TO CURRENT_USER; DROP OWNED BY ${role}; DROP ROLE ${role}`,
      );
    }
  });

  const INTERVENTIONS: readonly (readonly [string, readonly string[]])[] = [
    [
      'disabled and enabled again',
      [`ALTER TABLE t DISABLE TRIGGER ${ROW}`, `ALTER TABLE t ENABLE ALWAYS TRIGGER ${ROW}`],
    ],
    ['disabled', [`ALTER TABLE t DISABLE TRIGGER ${ROW}`]],
    ['disabled on a partition', [`ALTER TABLE p1 DISABLE TRIGGER ${ROW}`]],
    ['dropped', [`DROP TRIGGER ${ROW} ON t`]],
    [
      'dropped and made again',
      [
        `DROP TRIGGER ${ROW} ON t`,
        `CREATE TRIGGER ${ROW} AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION certyo.change_log_capture(); ALTER TABLE t ENABLE ALWAYS TRIGGER ${ROW}`,
      ],
    ],
    [
      'made as another one',
      [
        `CREATE OR REPLACE TRIGGER ${ROW} AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION certyo.change_log_capture()`,
        `ALTER TABLE t ENABLE ALWAYS TRIGGER ${ROW}`,
      ],
    ],
    ['dropped with its function', ['DROP FUNCTION certyo.change_log_capture() CASCADE']],
    ...PARTS.map((part): readonly [string, readonly string[]] => [
      `replaced in its function ${part}`,
      [replacedByHand(part)],
    ]),
  ];

  test.each(INTERVENTIONS)(
    'N-12: a trigger that somebody %s is a gap, also when setup has mended it',
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

  test('N-12: of a function that was replaced by hand while it is read', async () => {
    await using it = await withCheckpoint();
    await using reader = await openReader(it.source, { after: it.after });
    await it.db.query(replacedByHand('describe'));
    await expect(reader.ended()).resolves.toMatchObject({ code: 'GAP_TRIGGER' });
  });

  test('N-12: teardown, then setup, is a gap', async () => {
    await using it = await withCheckpoint();
    await it.source.teardown();
    await it.source.setup();
    expect(await codeOf(openReader(it.source, { after: it.after }))).toMatch(/^GAP_/);
  });
});
