import {
  createTypeRegistry,
  resolveConnection,
  type SqlSession,
  sqlSession,
} from '@certyo-cdc/postgres';
import { startPostgres, tell } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { normalizePollingOptions } from '../normalize-options.ts';
import type { PollingSourceOptions } from '../options.ts';
import { TableAccess } from '../table/table-access.ts';
import { captured } from '../testing/captured.ts';
import { openReader } from './open-reader.ts';
import type { ReaderContext } from './table-reader.ts';

const { signal } = new AbortController();

/** A session behind whose next matching statement something happens before anybody sees the answer. */
function interrupted(
  session: SqlSession,
  pattern: RegExp,
  happens: () => Promise<void>,
): { readonly session: SqlSession; arm: () => void } {
  let isArmed = false;
  const query: SqlSession['query'] = async (sql, parameters, options) => {
    const result = await session.query<never>(sql, parameters, options);
    if (isArmed && pattern.test(sql)) {
      isArmed = false;
      await happens();
    }
    return result;
  };
  return {
    session: {
      query,
      transaction: (work, options) => session.transaction(work, options),
      close: () => session.close(),
    },
    arm: () => {
      isArmed = true;
    },
  };
}

const TOMBSTONES = /WITH bound AS/;
const ROWS = /row_number\(\) OVER/;

type Table = Exclude<PollingSourceOptions['tables'][number], string>;

const TABLE = { table: 'public.t' } as Table;
const BY_XID = { ...TABLE, hardDeletes: 'not-captured' } as Table;
const BY_STAMP = {
  ...TABLE,
  lastUpdate: 'at',
  cursor: { kind: 'timestamp', column: 'at' },
} as Table;

describe('a server that crashes between a page and the wait for its disk', () => {
  test.each([
    ['rows by xid', BY_XID, ROWS, "INSERT INTO t VALUES (2, 'phantom')"],
    ['rows by stamp', BY_STAMP, ROWS, "INSERT INTO t VALUES (2, 'phantom')"],
    ['tombstones', TABLE, TOMBSTONES, 'DELETE FROM t WHERE id = 1'],
  ] as const)(
    'P-17: %s that it lost are not handed over',
    async (_name, table, pattern, change) => {
      await using server = await startPostgres({
        major: 18,
        settings: { wal_writer_delay: '10s', autovacuum: 'off' },
      });
      const options = { tables: [table] };
      await using it = await captured(
        ['CREATE TABLE t (id int PRIMARY KEY, v text)', "INSERT INTO t VALUES (1, 'a')"],
        options,
        server,
      );
      const raw = sqlSession(resolveConnection(it.db.url, {}));
      const fault = interrupted(raw, pattern, async () => {
        await server.crash();
        await server.start();
        // The log grows beyond the place where it was, and is on disk.
        const writer = await it.db.client();
        await writer.query('CREATE TABLE other AS SELECT generate_series(1, 1000) AS n');
        await writer.end();
      });
      const settings = normalizePollingOptions({ connection: it.db.url, ...options });
      const context: ReaderContext = {
        session: fault.session,
        source: { kind: 'polling', name: 'polling', systemIdentifier: '1' },
        epoch: 1,
        guard: () => null,
        maxRows: 100,
        maxBytes: 1_000_000,
      };
      const types = createTypeRegistry();
      const [tableSettings] = settings.tables;
      if (tableSettings === undefined) throw new Error('There is a table.');
      try {
        const access = await TableAccess.open(
          {
            context,
            settings: tableSettings,
            database: it.db.database,
            user: 'tester',
            types,
            allowStandby: false,
            onEvent: () => undefined,
            assertServer: () => undefined,
            isHeld: () => true,
            known: null,
            oid: null,
          },
          { signal },
        );
        const { reader } = openReader(settings, context, access, types, null, null);
        const told: string[] = [];
        const look = async (): Promise<void> => {
          const { events } = await reader.read({ signal, tick: 0 });
          told.push(...events.map(tell));
        };
        await expect.poll(async () => look().then(() => told.length)).toBe(1);
        await it.db.query('CHECKPOINT');
        const writer = await it.db.client();
        await writer.query('SET synchronous_commit = off');
        await writer.query(change);
        fault.arm();
        await expect(look()).rejects.toMatchObject({
          code: 'SOURCE_UNREACHABLE',
          retryable: true,
        });
        reader.reset();
        await (await it.db.client()).query("INSERT INTO t VALUES (3, 'kept')");
        await expect.poll(async () => look().then(() => told.at(-1))).toContain('"kept"');
        expect(told).toHaveLength(2);
      } finally {
        await raw.close();
      }
    },
  );
});
