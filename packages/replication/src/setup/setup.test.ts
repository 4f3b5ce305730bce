import { CdcError, type Checkpoint, type ErrorCode, GapError } from '@certyo-cdc/core';
import type { PublicationDescription, TableDescription } from '@certyo-cdc/postgres';
import { describe, expect, test } from 'vitest';
import { parseLsn } from '../protocol/lsn.ts';
import { acceptIdentity, identityToJson, type ReplicationIdentity } from './identity.ts';
import {
  createPublicationSql,
  publicationProblems,
  type PublicationSettings,
} from './publication-problems.ts';
import { serverProblems, tableProblems, warnings } from './readiness.ts';
import { assertServer } from './server-identity.ts';
import { judgeSlot, type SlotState } from './slot.ts';
import { asStreamError } from './stream-error.ts';
import { assertOnTimeline, parseTimelineHistory } from './timeline.ts';

function codeOf(work: () => unknown): ErrorCode | null {
  try {
    work();
    return null;
  } catch (error) {
    if (!CdcError.is(error)) throw error;
    expect(error.remedy).toMatch(/\S/);
    return error.code;
  }
}

const lsn = (text: string): bigint => parseLsn(text) ?? 0n;

describe(judgeSlot, () => {
  const good: SlotState = {
    name: 's',
    plugin: 'pgoutput',
    database: 'd',
    isLogical: true,
    isTemporary: false,
    activePid: null,
    confirmedFlush: lsn('0/100'),
    walStatus: 'reserved',
    invalidation: null,
    twoPhase: false,
    isTwoPhaseUnsettled: false,
    knowsTwoPhaseAt: true,
    isFailover: false,
    isSynced: false,
  };
  const table: readonly [string, Partial<SlotState> | null, string | null, string][] = [
    ['no slot, no checkpoint', null, null, 'SOURCE_SETUP'],
    ['no slot, a checkpoint', null, '0/100', 'GAP_SLOT_MISSING'],
    ['good, no checkpoint', {}, null, '0/100'],
    ['good, the same position', {}, '0/100', '0/100'],
    ['R-07: behind the checkpoint', {}, '0/200', '0/200'],
    ['R-12: ahead of the checkpoint', {}, '0/FF', 'GAP_SLOT_AHEAD'],
    ['active', { activePid: 7 }, null, '0/100'],
    ['physical', { isLogical: false, plugin: null, database: null }, null, 'SOURCE_SETUP'],
    ['temporary', { isTemporary: true }, null, 'SOURCE_SETUP'],
    ['another plugin', { plugin: 'test_decoding' }, '0/100', 'SOURCE_SETUP'],
    ['another database', { database: 'e' }, '0/100', 'SOURCE_SETUP'],
    ['being made', { confirmedFlush: null }, null, 'SOURCE_SETUP'],
    ['extended', { walStatus: 'extended' }, '0/100', '0/100'],
    ['unreserved', { walStatus: 'unreserved' }, '0/100', '0/100'],
    ['before PostgreSQL 13', { walStatus: null }, '0/100', '0/100'],
    ['made with two_phase', { twoPhase: true }, '0/100', 'SOURCE_SETUP'],
    ['R-11: lost', { walStatus: 'lost' }, '0/100', 'GAP_SLOT_LOST'],
    ['lost, no checkpoint', { walStatus: 'lost', confirmedFlush: null }, null, 'GAP_SLOT_LOST'],
    ['idle for too long', { invalidation: 'idle_timeout' }, '0/100', 'GAP_SLOT_LOST'],
  ];
  test.each(table)('%s', (_name, change, after, expected) => {
    const state = change === null ? null : { ...good, ...change };
    const judge = (): bigint =>
      judgeSlot(state, {
        slot: 's',
        database: 'd',
        after: after === null ? null : lsn(after),
        twoPhase: false,
      });
    if (expected.includes('/')) expect(judge()).toBe(lsn(expected));
    else expect(codeOf(judge)).toBe(expected);
  });
});

describe(assertOnTimeline, () => {
  const history = parseTimelineHistory(
    '1\t0/3000000\tno recovery target specified\n\n  2\t0/5000000\tbefore 2000-01-01\nrubbish\n',
  );

  test('reads a history file', () => {
    expect(history).toEqual([
      { timeline: 1, switchedAt: lsn('0/3000000') },
      { timeline: 2, switchedAt: lsn('0/5000000') },
    ]);
    expect(parseTimelineHistory('')).toEqual([]);
  });

  test.each([
    [3, '0/9000000', null],
    [1, '0/3000000', null],
    [1, '0/3000001', 'GAP_TIMELINE'],
    [2, '0/4000000', null],
    [2, '0/5000001', 'GAP_TIMELINE'],
    [7, '0/1', 'GAP_TIMELINE'],
  ])('I8, R-26: timeline %s at %s', (timeline, position, code) => {
    const check = (): void =>
      assertOnTimeline({ timeline, position: lsn(position) }, { timeline: 3, history });
    expect(codeOf(check)).toBe(code);
  });
});

describe(assertServer, () => {
  const server = { systemIdentifier: '1', timeline: 1 };
  const judge = async (
    now: typeof server,
    resume: Parameters<typeof assertServer>[2],
    isStandby: boolean,
  ): Promise<ErrorCode | null> => {
    const query = async (): Promise<[{ is_standby: string }]> => [
      { is_standby: String(isStandby) },
    ];
    const error = await assertServer(now, 100n, resume, [], query).catch((reason) => reason);
    return codeOf(() => {
      if (error !== undefined) throw error;
    });
  };

  test.each([
    ['the first start', { server: null, reached: null }, null],
    ['the same server', { server, reached: 50n }, null],
    ['at the very end', { server, reached: 100n }, null],
    ['R-13: beyond the end', { server, reached: 101n }, 'GAP_POSITION_AHEAD'],
    [
      'another server',
      { server: { ...server, systemIdentifier: '2' }, reached: 1n },
      'GAP_CHECKPOINT_FOREIGN',
    ],
    ['another timeline', { server: { ...server, timeline: 2 }, reached: 1n }, 'GAP_TIMELINE'],
  ])('%s', async (_name, resume, code) => {
    expect(await judge(server, resume, false)).toBe(code);
  });

  test.each([
    ['beyond what it has replayed', { server, reached: 101n }, 'SOURCE_UNREACHABLE'],
    ['a later timeline', { server: { ...server, timeline: 2 }, reached: 1n }, 'SOURCE_UNREACHABLE'],
    [
      'a timeline that it has left',
      { server: { ...server, timeline: 0 }, reached: 1n },
      'GAP_TIMELINE',
    ],
    [
      'another server',
      { server: { ...server, systemIdentifier: '2' }, reached: 101n },
      'GAP_CHECKPOINT_FOREIGN',
    ],
  ])('R-13: a standby that is late is waited for: %s', async (_name, resume, code) => {
    expect(await judge(server, resume, true)).toBe(code);
  });
});

describe(acceptIdentity, () => {
  const identity: ReplicationIdentity = {
    systemIdentifier: '1',
    timeline: 1,
    database: 'd',
    slot: 's',
    publications: ['p'],
    tables: ['public.a', 'public.b'],
  };
  const checkpoint = {
    kind: 'replication',
    identity: identityToJson(identity),
    position: '0/1' as Checkpoint['position'],
    epoch: 1,
    state: null,
  };
  const options = { acceptTables: false, replaces: null };

  test.each([
    ['the same', {}, null],
    ['another timeline is judged apart', { timeline: 5 }, null],
    ['tables in another order', { tables: ['public.b', 'public.a'] }, null],
    ['another system', { systemIdentifier: '2' }, 'GAP_CHECKPOINT_FOREIGN'],
    ['another database', { database: 'e' }, 'GAP_CHECKPOINT_FOREIGN'],
    ['another slot', { slot: 't' }, 'GAP_CHECKPOINT_FOREIGN'],
    ['another publication', { publications: ['q'] }, 'GAP_CHECKPOINT_FOREIGN'],
    ['fewer tables', { tables: ['public.a'] }, 'GAP_CHECKPOINT_FOREIGN'],
  ])('I8: %s', (_name, change, code) => {
    const check = (): void => void acceptIdentity(checkpoint, { ...identity, ...change }, options);
    expect(codeOf(check)).toBe(code);
  });

  test('acceptTables accepts other tables and nothing else', () => {
    const accepting = { ...options, acceptTables: true };
    expect(acceptIdentity(checkpoint, { ...identity, tables: [] }, accepting)).toEqual({
      resume: checkpoint,
      epoch: 1,
    });
    expect(() => acceptIdentity(checkpoint, { ...identity, slot: 't' }, accepting)).toThrow(
      GapError,
    );
  });

  test('one of the kind that is replaced begins the next epoch at the beginning', () => {
    const { systemIdentifier, database } = identity;
    const old = { ...checkpoint, kind: 'polling', identity: { systemIdentifier, database } };
    expect(codeOf(() => acceptIdentity(old, identity, options))).toBe('GAP_CHECKPOINT_FOREIGN');
    expect(acceptIdentity(old, identity, { ...options, replaces: 'polling' })).toEqual({
      resume: null,
      epoch: 2,
    });
  });
});

describe(asStreamError, () => {
  const names = { slot: 's', publication: 'p', user: 'u"x' };
  test.each([
    ['55006', 'SOURCE_BUSY', true],
    ['55000', 'GAP_SLOT_LOST', false],
    ['58P01', 'GAP_SLOT_LOST', false],
    ['42704', 'GAP_PUBLICATION', false],
    ['42501', 'SOURCE_SETUP', false],
    ['57P01', 'SOURCE_UNREACHABLE', true],
    ['57P03', 'SOURCE_UNREACHABLE', true],
    ['57014', 'SOURCE_UNREACHABLE', true],
    ['53100', 'SOURCE_UNREACHABLE', true],
    ['53200', 'SOURCE_UNREACHABLE', true],
    ['53300', 'SOURCE_UNREACHABLE', true],
    ['58030', 'SOURCE_UNREACHABLE', true],
    ['08006', 'SOURCE_UNREACHABLE', true],
    ['28P01', 'SOURCE_LOGIN_REFUSED', false],
    ['3D000', 'SOURCE_LOGIN_REFUSED', false],
    ['XX000', 'SOURCE_PROTOCOL', false],
    ['22021', 'SOURCE_PROTOCOL', false],
  ])('SQLSTATE %s is %s', (state, code, retryable) => {
    const error = Object.assign(new Error('said'), { code: state, severity: 'ERROR' });
    expect(asStreamError(error, names)).toMatchObject({ code, retryable });
  });

  test('an error of ours stays itself; a lost socket is told by its code', () => {
    const own = new GapError('GAP_TIMELINE', 'x');
    expect(asStreamError(own, names)).toBe(own);
    expect(
      asStreamError(Object.assign(new Error('x'), { code: 'ECONNRESET' }), names),
    ).toMatchObject({ code: 'SOURCE_UNREACHABLE', retryable: true });
  });

  test('the SQL quotes the role', () => {
    const error = Object.assign(new Error('said'), { code: '42501', severity: 'FATAL' });
    expect(asStreamError(error, names).message).toContain('ALTER ROLE "u""x" REPLICATION;');
  });
});

describe('readiness', () => {
  const table = (change: Partial<TableDescription> = {}): TableDescription =>
    ({
      oid: 1,
      schema: 'My S',
      name: 't"x',
      isPartitioned: false,
      replicaIdentity: 'default',
      replicaIdentityColumns: ['id'],
      primaryKey: ['id'],
      columns: [
        { name: 'id', mayBeToasted: false },
        { name: 'v', mayBeToasted: true },
      ],
      ...change,
    }) as TableDescription;
  const publication = (change: Partial<PublicationDescription> = {}): PublicationDescription => ({
    oid: 9,
    name: 'p',
    owner: 'o',
    coversAllTables: false,
    insert: true,
    update: true,
    delete: true,
    truncate: true,
    viaRoot: true,
    listed: [1],
    schemas: [],
    tables: [{ oid: 1, schema: 'My S', name: 't"x', columns: null, rowFilter: null }],
    ...change,
  });
  const settings: PublicationSettings = {
    publication: 'p"q',
    tables: [{ schema: 'My S', name: 't"x', columns: null, where: null }],
    schemas: [],
    partitions: 'root',
  };
  const sqlOf = (problems: readonly { readonly sql: string }[]): string[] =>
    problems.map((problem) => problem.sql);

  test('wal_level', () => {
    expect(serverProblems({ walLevel: 'logical' } as never)).toEqual([]);
    expect(sqlOf(serverProblems({ walLevel: 'replica' } as never))[0]).toMatch(
      /^ALTER SYSTEM SET wal_level = 'logical';/,
    );
  });

  test.each([
    [{}, {}, []],
    [{ replicaIdentity: 'full', replicaIdentityColumns: ['id', 'v'] }, {}, []],
    [
      { replicaIdentity: 'nothing', replicaIdentityColumns: [] },
      {},
      ['ALTER TABLE "My S"."t""x" REPLICA IDENTITY DEFAULT;'],
    ],
    [{}, { '"My S"."t""x"': ['v'] }, ['ALTER TABLE "My S"."t""x" REPLICA IDENTITY FULL;']],
    [
      { primaryKey: [], replicaIdentityColumns: [] },
      {},
      [expect.stringContaining('REPLICA IDENTITY FULL; -- and set keys')],
    ],
    [{}, { '"My S"."t""x"': ['none'] }, [expect.stringContaining('-- correct the option keys')]],
  ])('R-19: a table %o with keys %o', (change, keys, expected) => {
    expect(sqlOf(tableProblems([table(change as never)], { keys }))).toEqual(expected);
  });

  test.each([
    [{}, []],
    [{ tables: [], listed: [] }, ['ALTER PUBLICATION "p""q" ADD TABLE "My S"."t""x";']],
    [
      { delete: false },
      [`ALTER PUBLICATION "p""q" SET (publish = 'insert, update, delete, truncate');`],
    ],
  ])('R-17: a publication with %o', (change, expected) => {
    expect(sqlOf(publicationProblems(publication(change), [table()], settings, 180_000))).toEqual(
      expected,
    );
  });

  test('partitions need the root, and a missing publication is made with it', () => {
    const partitioned = [table({ isPartitioned: true })];
    expect(
      sqlOf(publicationProblems(publication({ viaRoot: false }), partitioned, settings, 180_000)),
    ).toEqual(['ALTER PUBLICATION "p""q" SET (publish_via_partition_root = true);']);
    expect(sqlOf(publicationProblems(null, partitioned, settings, 180_000))).toEqual([
      createPublicationSql(settings, partitioned, 180_000),
    ]);
    expect(createPublicationSql({ ...settings, publication: 'p' }, [table()], 100_000)).toBe(
      `CREATE PUBLICATION "p" FOR TABLE "My S"."t""x" WITH (publish = 'insert, update, delete');`,
    );
  });

  test('row filters and TOAST are warned of', () => {
    const filtered = publication({
      tables: [{ oid: 1, schema: 's', name: 't', columns: null, rowFilter: 'id > 0' }],
    });
    expect(warnings(filtered, [table()]).map((warning) => warning.code)).toEqual([
      'ROW_FILTER',
      'TOAST_UNAVAILABLE',
    ]);
    expect(warnings(publication(), [table({ replicaIdentity: 'full' })])).toEqual([]);
  });
});
