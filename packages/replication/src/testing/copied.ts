import {
  createTypeRegistry,
  resolveConnection,
  sqlSession,
  type SqlSession,
} from '@certyo-cdc/postgres';
import type { TestDatabase } from '@certyo-cdc/testing';
import { ChunkReader } from '../copy/chunk-reader.ts';
import { type CopiedTable, describeCopiedTable } from '../copy/copied-table.ts';
import { RelationResolver } from '../stream/relation-resolver.ts';
import type { TextQuery } from '../stream/text-query.ts';

/** What reads a table in chunks, without a stream. */
export interface Copied extends AsyncDisposable {
  readonly session: SqlSession;
  readonly query: TextQuery;
  readonly table: CopiedTable;
  readonly reader: ChunkReader;
}

/** Describes a table of the schema `public`, as it is now. */
export async function copied(db: TestDatabase, name: string): Promise<Copied> {
  const connection = resolveConnection(db.url);
  const session = sqlSession(connection);
  const { signal } = new AbortController();
  const query: TextQuery = async (sql, params = []) =>
    (await session.query(sql, params, { signal })).rows;
  const [row] = await query(
    `SELECT to_regclass($1)::oid::text AS oid, current_setting('server_version_num') AS version,
            (SELECT system_identifier::text FROM pg_control_system()) AS system`,
    [`public.${name}`],
  );
  const table = await describeCopiedTable(
    { oid: Number(row?.['oid']), schema: 'public', name, columns: null, rowFilter: null },
    {
      executor: session,
      resolver: new RelationResolver({
        database: db.database,
        keyOf: () => null,
        includeGenerated: false,
        types: createTypeRegistry(),
        query,
      }),
      versionNumber: Number(row?.['version']),
      origin: 'any',
      known: null,
      signal,
    },
  );
  const reader = new ChunkReader({
    connection,
    executor: session,
    deadAfterMs: 10_000,
    onEvent: () => undefined,
    systemIdentifier: row?.['system'] ?? '',
    maxBufferedBytes: 1_000_000,
    maxMessageBytes: 100_000_000,
  });
  return {
    session,
    query,
    table,
    reader,
    [Symbol.asyncDispose]: async () => {
      await reader.close();
      await session.close();
    },
  };
}
