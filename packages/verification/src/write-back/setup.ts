import {
  DEFAULT_SCHEMA,
  type NormalizedStoreOptions,
  openStoreSession,
  qualifiedName,
  quoteIdentifier,
  runSetup,
  type RunSetupOptions,
  type SetupStatement,
  type SqlSession,
} from '@certyo-cdc/postgres';

import { ledgerTable } from '../receipts/sql.ts';
import { type ColumnTarget, keyOfTable, type NormalizedWriteBackOptions } from './options.ts';
import { CREATE_ORIGIN_SQL, DROP_ORIGIN_SQL, originGrantSql } from './protection.ts';
import { queueSetupSql, queueTeardownSql } from './queue-sql.ts';
import { sideTableSetupSql, sideTableTeardownSql } from './side-table.ts';
import { namesOf } from './status-columns.ts';
import { describeTarget } from './target-table.ts';
import {
  dropStatusColumnsSql,
  dropStatusFunctionsSql,
  statusColumnsSql,
} from './status-trigger.ts';

/** Works with a session of its own: a write-back that has stopped can be removed too. */
export async function withSetupSession<T>(
  place: NormalizedStoreOptions,
  work: (session: SqlSession) => Promise<T>,
): Promise<T> {
  const session = openStoreSession(place, 'certyo-cdc setup');
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** What is added to tables. Reads which columns they have. */
export async function setUpColumns(
  session: SqlSession,
  target: ColumnTarget,
  options: RunSetupOptions,
): Promise<readonly string[]> {
  const { keys, place, status, tables } = target;
  const statements: (string | SetupStatement)[] = [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(place.schema)};`,
  ];
  for (const table of tables) {
    const key = keyOfTable(keys, table);
    const { signal } = options;
    const now = await describeTarget(session, table, { status, schema: place.schema, key, signal });
    statements.push(...statusColumnsSql(now, status, place.schema));
  }
  return runSetup(session, statements, options);
}

export function tearDownColumns(
  session: SqlSession,
  { place, status, tables }: ColumnTarget,
  options: RunSetupOptions,
): Promise<readonly string[]> {
  const statements = [
    ...tables.flatMap((table) => dropStatusColumnsSql(table, status)),
    dropStatusFunctionsSql(place.schema),
  ];
  return runSetup(session, statements, options);
}

/** What the tables need of a role that writes into their columns. */
export function columnGrantSql(
  to: string,
  { status, tables }: Pick<ColumnTarget, 'status' | 'tables'>,
): readonly string[] {
  const schemas = [...new Set(tables.map(({ schema }) => schema))];
  return [
    ...schemas.map((schema) => `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${to};`),
    ...tables.map(
      (table) =>
        `GRANT SELECT, UPDATE (${namesOf(status).map(quoteIdentifier).join(', ')}) ON ${qualifiedName(table)} TO ${to};`,
    ),
  ];
}

/** Which part of the set-up belongs where. */
export function ledgerPart(options: NormalizedWriteBackOptions): readonly string[] {
  return queueSetupSql(options.ledger.place.schema);
}

export function sidePart(options: NormalizedWriteBackOptions): readonly string[] {
  return [
    ...(options.toSideTable ? sideTableSetupSql(options.place.schema) : []),
    ...(usesOrigin(options) ? [CREATE_ORIGIN_SQL] : []),
  ];
}

export function sideTeardown(options: NormalizedWriteBackOptions): readonly string[] {
  return [
    ...(options.toSideTable ? sideTableTeardownSql(options.place.schema) : []),
    ...(usesOrigin(options) ? [DROP_ORIGIN_SQL] : []),
  ];
}

export function ledgerTeardown(options: NormalizedWriteBackOptions): readonly string[] {
  return queueTeardownSql(options.ledger.place.schema);
}

export function usesOrigin({ sources, toColumns }: NormalizedWriteBackOptions): boolean {
  return toColumns && sources.some(({ origin }) => origin);
}

/** What the role of a write-back needs besides CONNECT, in the ledger and where it writes. */
export function writeBackGrants(
  role: string,
  options: NormalizedWriteBackOptions,
): { readonly ledger: readonly string[]; readonly target: readonly string[] } {
  const to = quoteIdentifier(role);
  const inLedger = (name: string): string => ledgerTable(options.ledger.place.schema, name);
  const { schema } = options.place;
  return {
    ledger: [
      `GRANT USAGE ON SCHEMA ${quoteIdentifier(options.ledger.place.schema)} TO ${to};`,
      `GRANT SELECT ON ${inLedger('receipts')}, ${inLedger('receipt_tables')}, ${inLedger('anchors')} TO ${to};`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ${inLedger('write_back_queue')} TO ${to};`,
    ],
    target: [
      ...(options.toSideTable
        ? [
            `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${to};`,
            `GRANT SELECT, INSERT, UPDATE ON ${ledgerTable(schema, 'row_status')} TO ${to};`,
          ]
        : []),
      ...(options.toColumns ? columnGrantSql(to, options) : []),
      ...(usesOrigin(options) ? [originGrantSql(to)] : []),
    ],
  };
}

/** What the role of a verifier needs besides `verifierGrantSql` when write-back follows it. */
export function writeBackFollowerGrantSql(
  role: string,
  schema: string = DEFAULT_SCHEMA,
): readonly string[] {
  return [
    `GRANT SELECT, INSERT, UPDATE ON ${ledgerTable(schema, 'write_back_queue')} TO ${quoteIdentifier(role)};`,
  ];
}
