import { describe, expect, test } from 'vitest';

import { startPostgres } from './start-postgres.ts';

// Their binaries are here for one platform.
const isHere = process.platform === 'linux' && process.arch === 'x64';

describe('startPostgres with majors that are out of maintenance', () => {
  test.runIf(isHere).each([10, 11, 12, 13])(
    'PostgreSQL %i starts, decodes with pgoutput and survives a crash',
    async (major) => {
      await using server = await startPostgres({ major, password: 'pw' });
      await using database = await server.createDatabase();
      expect(server.version).toMatch(new RegExp(`^${major}\\.`));
      await database.query('CREATE TABLE t (id int PRIMARY KEY)');
      await database.query('CREATE PUBLICATION p FOR TABLE t');
      await database.query("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
      await database.query('INSERT INTO t VALUES (1), (2)');
      await server.crash();
      await server.start();
      const rows = await database.query<{ kind: string }>(
        `SELECT chr(get_byte(data, 0)) AS kind FROM pg_logical_slot_peek_binary_changes(
           's', NULL, NULL, 'proto_version', '1', 'publication_names', 'p')`,
      );
      expect(rows.map(({ kind }) => kind)).toEqual(['B', 'R', 'I', 'I', 'C']);
    },
  );

  test('PostgreSQL 9 is refused by name', async () => {
    await expect(startPostgres({ major: 9 })).rejects.toThrow(
      'PostgreSQL 9 is not supported: it has no logical replication with pgoutput. Use PostgreSQL 10 or newer.',
    );
  });
});
