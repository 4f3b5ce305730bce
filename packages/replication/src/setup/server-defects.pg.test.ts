import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured } from '../testing/captured.ts';
import { serverDefects } from './minor-versions.ts';

describe(serverDefects, () => {
  test('R-18, R-32, S-08: those of the server are warned of at every start, by name', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    const [row] = await it.db.query<{ number: number }>(
      `SELECT current_setting('server_version_num')::int AS number`,
    );
    const defects = serverDefects(row?.number ?? 0);
    for (let start = 0; start < 2; start++) {
      await using reader = await openReader(it.source);
      const messages = reader.sourceEvents.flatMap((event) =>
        event.type === 'source-warned' && event.code === 'SERVER_DEFECTS' ? [event.message] : [],
      );
      expect(messages).toHaveLength(defects.length === 0 ? 0 : 1);
      for (const { code } of defects) expect(messages[0]).toContain(code);
    }
  });
});
