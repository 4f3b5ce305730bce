import {
  leaseSetupSql,
  leaseTeardownSql,
  qualifiedName,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import { backfillSetupSql, backfillTeardownSql } from '../copy/backfill-table.ts';
import type { ReplicationSettings } from '../normalize-options.ts';
import { heartbeatSetupSql, heartbeatTeardownSql } from './heartbeat.ts';
import { instancesSetupSql, instancesTeardownSql } from './slot-instances.ts';

interface CareTable {
  readonly name: string;
  readonly isWanted: (settings: ReplicationSettings) => boolean;
  readonly setup: (schema: string) => readonly string[];
  readonly teardown: (schema: string) => readonly string[];
}

const TABLES: readonly CareTable[] = [
  {
    name: 'heartbeats',
    isWanted: ({ heartbeat }) => heartbeat !== false,
    setup: heartbeatSetupSql,
    teardown: heartbeatTeardownSql,
  },
  {
    name: 'backfills',
    isWanted: () => true,
    setup: backfillSetupSql,
    teardown: backfillTeardownSql,
  },
  {
    name: 'leases',
    isWanted: ({ takeover }) => takeover !== false,
    setup: leaseSetupSql,
    teardown: leaseTeardownSql,
  },
  {
    name: 'slot_instances',
    isWanted: ({ takeover }) => takeover !== false,
    setup: instancesSetupSql,
    teardown: instancesTeardownSql,
  },
];

/** The SQL that makes what is missing of the state tables that the care of the slot needs. */
export async function careSetupSql(
  state: SqlExecutor,
  settings: ReplicationSettings,
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const { stateSchema: schema } = settings;
  const statements: string[] = [];
  for (const table of TABLES) {
    if (!table.isWanted(settings) || (await exists(state, schema, table.name, options))) continue;
    statements.push(...table.setup(schema));
  }
  return [...new Set(statements)];
}

/** The SQL that removes those that are there, for all sources. */
export async function careTeardownSql(
  state: SqlExecutor,
  settings: ReplicationSettings,
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const { stateSchema: schema } = settings;
  const statements: string[] = [];
  for (const { name, teardown } of TABLES) {
    if (await exists(state, schema, name, options)) statements.push(...teardown(schema));
  }
  return statements;
}

async function exists(
  state: SqlExecutor,
  schema: string,
  name: string,
  options: { readonly signal: AbortSignal },
): Promise<boolean> {
  const { rows } = await state.query<{ readonly oid: string | null }>(
    'SELECT pg_catalog.to_regclass($1)::pg_catalog.oid::text AS oid',
    [qualifiedName({ schema, name })],
    options,
  );
  return rows[0]?.oid != null;
}
