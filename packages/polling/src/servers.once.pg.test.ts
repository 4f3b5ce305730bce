import { CdcError, type SourceEvent } from '@certyo-cdc/core';
import { openReader, type StreamReader, startPostgres } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

describe('pollingSource and its server', () => {
  test('P-10: names a prepared transaction that holds the horizon up', async () => {
    await using server = await startPostgres({
      major: 18,
      settings: { max_prepared_transactions: 5 },
    });
    const options = { tables: ['t'], horizonWarningMs: 50 };
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], options, server);
    const sourceEvents: SourceEvent[] = [];
    await using reader = await openReader(it.source, { sourceEvents });
    const client = await server.client();
    await client.query("BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'it''s forgotten'");
    await it.db.query('INSERT INTO t VALUES (1)');
    await expect
      .poll(() => JSON.stringify(sourceEvents))
      .toContain("COMMIT PREPARED 'it''s forgotten';");
    await client.query("ROLLBACK PREPARED 'it''s forgotten'");
    await reader.caughtUp();
    expect(reader.told).toEqual(['snapshot t {"id":1}']);
  });

  test('P-15: a standby is refused unless asked for; a promotion is a gap', async () => {
    await using primary = await startPostgres({ major: 18 });
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)'],
      { tables: ['t'] },
      primary,
    );
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    const after = await reader.acknowledge();
    await reader[Symbol.asyncDispose]();
    await using standby = await startPostgres({ major: 18, standbyOf: primary });
    const beside = { database: it.db.database, url: standby.urlOf(it.db.database) };
    const codeOf = async (allowStandby: boolean): Promise<unknown> => {
      const source = sourceOf(beside, { tables: ['t'], allowStandby });
      const error: unknown = await openReader(source, { after }).catch((e: unknown) => e);
      if (CdcError.is(error)) return error.code;
      await using opened = error as StreamReader;
      await it.db.query('INSERT INTO t VALUES (2)');
      await expect.poll(() => opened.told.join()).toBe('snapshot t {"id":2}');
      await opened.acknowledge();
      await it.db.query('DELETE FROM t WHERE id = 2');
      await expect.poll(() => opened.told.at(-1)).toBe('delete t {"id":2}');
      expect(opened.failure).toBeNull();
      return 'opened';
    };
    expect(await codeOf(false)).toBe('SOURCE_SETUP');
    expect(await codeOf(true)).toBe('opened');
    await standby.promote();
    expect(await codeOf(false)).toBe('GAP_TIMELINE');
  });
});
