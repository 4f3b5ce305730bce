import { type ChangeSource, createPipeline, shareSource } from '@certyo-cdc/core';
import { listenNotifySource } from '@certyo-cdc/listen-notify';
import { pollingSource } from '@certyo-cdc/polling';
import { memorySink, type TestDatabase } from '@certyo-cdc/testing';
import { CREATE_RECORDS, testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

type Settable = ChangeSource & { setup(): Promise<unknown> };

const SOURCES: readonly (readonly [string, (db: TestDatabase) => Settable])[] = [
  ['polling', (db) => pollingSource({ connection: db.url, tables: ['records'] })],
  ['listen-notify', (db) => listenNotifySource({ connection: db.url, tables: ['records'] })],
];

describe('shareSource', () => {
  test.each(SOURCES)(
    'refuses %s with what to do instead, and lets go of what it had opened',
    async (_kind, make) => {
      await using db = await testDatabase();
      await db.query(CREATE_RECORDS);
      const source = make(db);
      await source.setup();
      const shared = shareSource(source, { consumers: ['a', 'b'] });
      await using pipeline = createPipeline(shared.consumer('a'), memorySink());
      await expect(pipeline.start()).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(
          /cannot be shared.*Give each consumer a source of its own/s,
        ) as string,
      });
      // The source is free: a pipeline of its own starts at once.
      await using alone = createPipeline(source, memorySink());
      await alone.start();
      expect(alone.status().state).toBe('running');
    },
    30_000,
  );
});
