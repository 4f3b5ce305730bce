import { describe, expect, test } from 'vitest';
import { captureChange, readCaptureState } from './capture-state.ts';
import { changeLogSetupSql } from './change-log-sql.ts';
import { missingStatements } from './missing-statements.ts';
import { type LogFixture, setUpLog } from './testing/set-up-log.ts';

const { signal } = new AbortController();

/** Everything in the catalog that a set-up could leave behind. */
const CATALOG = `
  SELECT 'relation ' || oid::regclass AS thing FROM pg_class WHERE relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  UNION ALL SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE oid >= 16384
  UNION ALL SELECT 'trigger ' || tgname || ' ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger
  UNION ALL SELECT 'schema ' || nspname FROM pg_namespace
  UNION ALL SELECT 'acl ' || relname || relacl::text FROM pg_class WHERE oid >= 16384 AND relacl IS NOT NULL ORDER BY 1`;

const TABLES = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  'CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id)',
  'CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id)',
  'CREATE TABLE part11 PARTITION OF part1 FOR VALUES FROM (0) TO (5)',
  'CREATE SCHEMA certyo',
];

async function state(log: LogFixture): Promise<Awaited<ReturnType<typeof readCaptureState>>> {
  return readCaptureState(log.session, log.settings, {
    signal,
    versionNumber: log.db.major * 10_000,
  });
}

describe('setup', () => {
  test('twice is once; teardown leaves nothing behind; the printed whole is the sum of what is missing', async () => {
    await using log = await setUpLog(TABLES, { tables: ['t', 'parted'], ddl: true });
    expect(await log.setUp()).toEqual([]);
    const torn = await log.tearDown();
    expect(torn.length).toBeGreaterThan(10);
    expect(await log.tearDown()).toEqual([]);
    const before = await log.db.query(CATALOG);
    const missing = await missingStatements(log.session, log.settings, { signal, dryRun: true });
    const printed = missing.map(({ sql }) => sql);
    expect(await log.db.query(CATALOG)).toEqual(before);
    expect(before.filter(({ thing }) => /certyo_|change_log/.test(String(thing)))).toEqual([]);
    expect(await log.setUp()).toEqual(printed);
    const partitions = [
      { schema: 'public', name: 'part1' },
      { schema: 'public', name: 'part11' },
    ];
    const whole = changeLogSetupSql(log.settings, {
      versionNumber: log.db.major * 10_000,
      partitions,
    });
    expect(whole.filter((sql) => !sql.startsWith('CREATE SCHEMA')).sort()).toEqual(
      [...printed].sort(),
    );
    await log.tearDown();
    expect(await log.db.query(CATALOG)).toEqual(before);
  });

  test.for([
    ['ALTER TABLE t DISABLE TRIGGER "00_certyo_change_log"', 'is not enabled always', true],
    ['ALTER TABLE t ENABLE TRIGGER "00_certyo_change_log_truncate"', 'is not enabled always', true],
    ['DROP TRIGGER "00_certyo_change_log" ON parted', 'is missing', true],
    ['ALTER TABLE part11 DISABLE TRIGGER "00_certyo_change_log"', 'part11 is not enabled', true],
    ['DROP TRIGGER "00_certyo_change_log_truncate" ON part1', 'part1 is missing', false],
    ['DROP TRIGGER "00_certyo_change_log_doorbell" ON t', 'is missing', false],
    [
      'CREATE OR REPLACE TRIGGER "00_certyo_change_log" AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION certyo.change_log_capture()',
      'is not as it was made',
      true,
    ],
    [
      'CREATE OR REPLACE FUNCTION certyo.change_log_capture() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
      'capture() is not as it was made',
      true,
    ],
    [
      'ALTER FUNCTION certyo.change_log_capture() RESET TimeZone',
      'capture() is not as it was made',
      true,
    ],
    [
      'GRANT EXECUTE ON FUNCTION certyo.change_log_reorder(int8, int8) TO PUBLIC',
      'Everybody may call',
      false,
    ],
    ['ALTER SEQUENCE certyo.change_log_sequence CACHE 20', 'several numbers at once', true],
    ['ALTER EVENT TRIGGER "00_certyo_change_log_ddl" DISABLE', 'event trigger', false],
    ['DROP TABLE certyo.change_log', 'does not exist', true],
    ['DROP TABLE certyo.change_log_state', 'does not exist', true],
    ['DROP SEQUENCE certyo.change_log_secret', 'does not exist', false],
  ] as const)('%s is found and mended', async ([damage, said, losesChanges]) => {
    await using log = await setUpLog(TABLES, { tables: ['t', 'parted'], ddl: true });
    const before = await state(log);
    expect(before.problems).toEqual([]);
    expect(captureChange(before.fingerprint, (await state(log)).fingerprint, [])).toBe(null);
    await log.db.query(damage);
    const { problems } = await state(log);
    expect(problems.map((problem) => problem.what).join(' ')).toContain(said);
    expect(problems.some((problem) => problem.losesChanges)).toBe(losesChanges);
    expect(await log.setUp()).toEqual(problems.flatMap((problem) => problem.sql));
    const after = await state(log);
    expect(after.problems).toEqual([]);
    // What was off for a moment only is noticed too.
    const isCapture = /TRIGGER "00_certyo_change_log(?:_truncate)?"|_capture|_reorder/.test(damage);
    expect(captureChange(before.fingerprint, after.fingerprint, []) !== null).toBe(isCapture);
  });

  test('tables made again are noticed; partitions may come and go', async () => {
    await using log = await setUpLog(TABLES, { tables: ['t', 'parted'] });
    const { fingerprint } = await state(log);
    await log.db.query('CREATE TABLE part2 PARTITION OF parted FOR VALUES FROM (10) TO (20)');
    const grown = await state(log);
    expect(captureChange(fingerprint, grown.fingerprint, [])).toBe(null);
    expect(grown.problems.map((problem) => problem.what)).toEqual([
      'The trigger "00_certyo_change_log_truncate" of public.part2 is missing.',
      'The trigger "00_certyo_change_log_doorbell" of public.part2 is missing.',
    ]);
    await log.setUp();
    await log.db.query('ALTER TABLE part1 DETACH PARTITION part11');
    expect(captureChange(fingerprint, (await state(log)).fingerprint, [])).toBe(null);
    await log.db.query('DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY)');
    await log.setUp();
    expect(captureChange(fingerprint, (await state(log)).fingerprint, [])).toMatch(
      /public\.t is not the one/,
    );
  });

  test('what cannot be captured is refused with what to do', async () => {
    const refused = async (sql: string, options: object = {}): Promise<string> =>
      setUpLog([sql], { tables: ['t'], ...options }).then(
        () => 'nothing',
        (error: unknown) => `${(error as Error).message} ${(error as { remedy: string }).remedy}`,
      );
    expect(await refused('CREATE TABLE t (id int)')).toMatch(
      /has no primary key.*keys: \{ 'public\.t'/,
    );
    expect(await refused('CREATE TABLE t (id int)', { keys: { t: ['x'] } })).toMatch(/column "x"/);
    expect(await refused('CREATE UNLOGGED TABLE t (id int PRIMARY KEY)')).toMatch(/unlogged/);
    expect(await refused('CREATE VIEW t AS SELECT 1')).toMatch(/is a view/);
    // Under one, an insert does not wait for the delete that gives its key up: their numbers could come the other way round.
    expect(await refused('CREATE TABLE t (id int PRIMARY KEY DEFERRABLE)')).toMatch(
      /is deferrable.*DROP CONSTRAINT "t_pkey", ADD PRIMARY KEY \("id"\)/,
    );
    expect(
      await refused('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE heir () INHERITS (t)'),
    ).toMatch(/public\.heir inherits from public\.t.*NO INHERIT/);
    await using log = await setUpLog(['CREATE TABLE t (id int)'], {
      tables: ['t'],
      keys: { t: ['id'] },
    });
    await log.db.query('INSERT INTO t VALUES (1)');
    expect(await log.told()).toEqual(['I (1) id']);
  });

  test('operation S tells what was altered, of captured tables only', async () => {
    await using log = await setUpLog(TABLES, { tables: ['t', 'parted'], ddl: true });
    await log.db.query('ALTER TABLE t ADD w int');
    await log.db.query(
      'CREATE TABLE other (id int); ALTER TABLE other ADD v int; CREATE INDEX ON t (v)',
    );
    await log.db.query('ALTER TABLE t DROP v');
    await log.db.query('ALTER TABLE parted ADD z int');
    const told = await log.told();
    expect(told.slice(0, 2)).toEqual(['S id,v,w', 'S id,w']);
    expect(told.slice(2).every((line) => line === 'S id,z')).toBe(true);
    expect(told.length).toBeGreaterThan(2);
  });
});
