import { WriteBackError } from '@certyo-cdc/core';
import { tableLabel, wrongOption } from '@certyo-cdc/core/internal';
import {
  OWN_COLUMNS,
  qualifiedName,
  type QualifiedName,
  quoteLiteral,
  type SqlExecutor,
  type TableDescription,
} from '@certyo-cdc/postgres';

import { areKnownToSources, namesOf, type StatusColumns } from './status-columns.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** What can capture a table. */
export const SOURCE_KINDS = ['replication', 'polling', 'listen-notify', 'other'] as const;

export type SourceKind = (typeof SOURCE_KINDS)[number];

/** What captures the tables. `origin: 'none'` where the replication source was given that. */
export type WriteBackSource =
  | SourceKind
  | { readonly kind: SourceKind; readonly origin?: 'any' | 'none' | undefined };

export interface NormalizedSource {
  readonly kind: SourceKind;
  /** Whether it leaves out what has an origin. */
  readonly origin: boolean;
}

/**
 * What keeps write-back from being captured as a change (I10):
 *
 * - `source`: the source leaves out changes of the status columns by itself: the condition of a trigger, or the old row under
 *   REPLICA IDENTITY FULL
 * - `origin`: write-back has a replication origin, and the source leaves out what has one (PostgreSQL 16 and newer)
 * - `fingerprint`: the sink skips what has the payload of the newest receipt of its record
 */
export type Protection = 'source' | 'origin' | 'fingerprint';

/** What was chosen for a table and a source. */
export interface ProtectionPlan {
  readonly table: string;
  readonly source: SourceKind;
  readonly protection: Protection;
  /** What it relies on and cannot see. */
  readonly needs: string | null;
}

export function normalizeSources(
  value: WriteBackSource | readonly WriteBackSource[] | undefined,
): readonly NormalizedSource[] {
  const list: readonly unknown[] =
    value === undefined ? [] : Array.isArray(value) ? value : [value];
  return list.map((each) => {
    const { kind, origin = 'any' } = (typeof each === 'string' ? { kind: each } : (each ?? {})) as {
      readonly kind?: unknown;
      readonly origin?: unknown;
    };
    const known = SOURCE_KINDS.find((name) => name === kind);
    const isOrigin = origin === 'any' || origin === 'none';
    if (known === undefined || !isOrigin || (origin === 'none' && known !== 'replication')) {
      throw wrongOption(
        'source',
        `one of ${SOURCE_KINDS.join(', ')}, or { kind: 'replication', origin: 'none' }`,
        each,
      );
    }
    return { kind: known, origin: origin === 'none' };
  });
}

/** Makes the origin where it is wanted and not there; needs a superuser, or EXECUTE on the function. */
export const CREATE_ORIGIN_SQL: string = `SELECT pg_catalog.pg_replication_origin_create('certyo_write_back_' || pg_catalog.current_database())
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_replication_origin WHERE roname = 'certyo_write_back_' || pg_catalog.current_database());`;

export const DROP_ORIGIN_SQL: string = `SELECT pg_catalog.pg_replication_origin_drop(roname) FROM pg_catalog.pg_replication_origin
WHERE roname = 'certyo_write_back_' || pg_catalog.current_database();`;

const SETUP_FUNCTION = 'pg_catalog.pg_replication_origin_session_setup(text)';
const IS_SETUP_FUNCTION = 'pg_catalog.pg_replication_origin_session_is_setup()';

export function originGrantSql(to: string): string {
  return `GRANT EXECUTE ON FUNCTION ${SETUP_FUNCTION}, ${IS_SETUP_FUNCTION} TO ${to};`;
}

/** Gives the session the origin, once; there is one session at a time for it (55006). */
export const USE_ORIGIN_SQL: string = `SELECT pg_catalog.pg_replication_origin_session_setup('certyo_write_back_' || pg_catalog.current_database())
WHERE NOT pg_catalog.pg_replication_origin_session_is_setup()`;

const SERVER_SQL = `SELECT pg_catalog.current_setting('server_version_num') AS version,
  (pg_catalog.has_function_privilege(${quoteLiteral(SETUP_FUNCTION)}, 'EXECUTE')
   AND pg_catalog.has_function_privilege(${quoteLiteral(IS_SETUP_FUNCTION)}, 'EXECUTE'))::text AS may_use,
  EXISTS (SELECT FROM pg_catalog.pg_replication_origin WHERE roname = 'certyo_write_back_' || pg_catalog.current_database())::text AS has_origin,
  EXISTS (SELECT FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
    WHERE d.datname = pg_catalog.current_database())::text AS is_subscriber,
  current_user AS role`;

interface Server {
  readonly version: string;
  readonly may_use: string;
  readonly has_origin: string;
  readonly is_subscriber: string;
  readonly role: string;
}

/**
 * Chooses what keeps write-back into columns from being captured, by what the server can do and what captures the tables.
 *
 * @throws WriteBackError where nothing would.
 */
export async function chooseProtections(
  executor: SqlExecutor,
  tables: readonly TableDescription[],
  sources: readonly NormalizedSource[],
  status: StatusColumns,
  { hasReceipts = true, ...options }: CallOptions & { readonly hasReceipts?: boolean },
): Promise<readonly ProtectionPlan[]> {
  const [server] = (await executor.query<Server>(SERVER_SQL, [], options)).rows;
  const plans: ProtectionPlan[] = [];
  for (const table of tables) {
    const hiding = await hidingOldRows(executor, table, options);
    for (const source of sources) {
      const chosen = choose(table, hiding, source, status, server);
      const isUseless = chosen.protection === 'fingerprint' && !hasReceipts;
      plans.push({
        table: tableLabel(table),
        source: source.kind,
        ...(isUseless ? withoutReceipts(table, hiding, source) : chosen),
      });
    }
  }
  return plans;
}

/** Nothing can be skipped for the fingerprint of its receipt where there are none. */
function withoutReceipts(
  table: TableDescription,
  hiding: readonly QualifiedName[],
  { kind }: NormalizedSource,
): Pick<ProtectionPlan, 'protection' | 'needs'> {
  if (kind === 'other') {
    return { protection: 'source', needs: 'a condition that leaves out changes of status columns' };
  }
  throw new WriteBackError(
    'WRITE_BACK',
    `Writing statuses into columns of ${tableLabel(table)} would be captured as changes by ${kind}.`,
    {
      retryable: false,
      remedy: `Keep receipts; or leave the columns their default names${
        kind === 'replication' && hiding.length > 0 ? `, and run: ${showOldRowsSql(hiding)}` : '.'
      }`,
    },
  );
}

const FINGERPRINT = {
  protection: 'fingerprint',
  needs: "certyoSink({ skipUnchanged: 'all', statusColumns })",
} as const;

function choose(
  table: TableDescription,
  hiding: readonly QualifiedName[],
  source: NormalizedSource,
  status: StatusColumns,
  server: Server | undefined,
): Pick<ProtectionPlan, 'protection' | 'needs'> {
  const isKnown = areKnownToSources(status);
  if (source.origin) return useOrigin(server);
  if (source.kind === 'polling') {
    return isKnown
      ? {
          protection: 'source',
          needs: "the stamp trigger of polling's setup, or a stamp that a status leaves alone",
        }
      : { protection: 'fingerprint', needs: 'certyoSink({ statusColumns })' };
  }
  if (source.kind === 'listen-notify' && isKnown) return { protection: 'source', needs: null };
  if (source.kind === 'replication') {
    if (isKnown && hiding.length === 0) {
      const needs = 'REPLICA IDENTITY FULL of partitions that are added, too';
      return { protection: 'source', needs: table.isPartitioned ? needs : null };
    }
    refuseHidden(table, hiding, status);
  }
  return FINGERPRINT;
}

function useOrigin(server: Server | undefined): Pick<ProtectionPlan, 'protection' | 'needs'> {
  const refuse = (what: string, remedy: string): WriteBackError =>
    new WriteBackError('WRITE_BACK', what, { retryable: false, remedy });
  const role = server?.role ?? 'your_role';
  if (Number(server?.version ?? 0) < 160_000) {
    throw refuse(
      'The server cannot leave out changes by their origin: PostgreSQL 16 and newer can.',
      'Leave origin out of `source` and of the replication source, and give the tables REPLICA IDENTITY FULL.',
    );
  }
  if (server?.is_subscriber === 'true') {
    throw refuse(
      "The database has a subscription: with origin 'none' the source leaves out what it brings, too.",
      'Leave origin out of `source` and of the replication source, and give the tables REPLICA IDENTITY FULL.',
    );
  }
  if (server?.has_origin !== 'true') {
    throw refuse('The origin of write-back does not exist.', `Run: ${CREATE_ORIGIN_SQL}`);
  }
  if (server.may_use !== 'true') {
    throw refuse(`${role} may not use origins.`, `Run: ${originGrantSql(`"${role}"`)}`);
  }
  return { protection: 'origin', needs: "replicationSource({ origin: 'none' })" };
}

/** An update of the status would not show large values that it leaves alone: its payload would be another one. */
function refuseHidden(
  table: TableDescription,
  hiding: readonly QualifiedName[],
  status: StatusColumns,
): void {
  if (hiding.length === 0) return;
  const own = new Set([...OWN_COLUMNS, ...namesOf(status)]);
  const hidden = table.columns.filter(
    (column) => column.mayBeToasted && column.generated === null && !own.has(column.name),
  );
  // Few rows have large values; but what would loop must not depend on it.
  const large = hidden.filter(({ typeName }) => !isAlwaysShort(typeName));
  if (large.length === 0) return;
  throw new WriteBackError(
    'WRITE_BACK',
    `Writing statuses into columns of ${tableLabel(table)} would be captured as changes: the stream does not show the old row, nor large values that were left alone (${large.map(({ name }) => name).join(', ')}).`,
    {
      retryable: false,
      remedy: `Run: ${showOldRowsSql(hiding)} Or use PostgreSQL 16 or newer with replicationSource({ origin: 'none' }) and source: { kind: 'replication', origin: 'none' }.`,
    },
  );
}

/** $1 oid. The partitions that hold rows and whose identity is not FULL: theirs counts, and is not inherited. */
const HIDING_SQL = `SELECT n.nspname AS schema, c.relname AS name FROM pg_catalog.pg_partition_tree($1::oid::regclass) AS t
  JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE t.isleaf AND c.relkind = 'r' AND c.relreplident <> 'f' ORDER BY 1, 2`;

/** What would have to have REPLICA IDENTITY FULL for the stream to show the old rows of a table. */
async function hidingOldRows(
  executor: SqlExecutor,
  table: TableDescription,
  options: CallOptions,
): Promise<readonly QualifiedName[]> {
  if (!table.isPartitioned) return table.replicaIdentity === 'full' ? [] : [table];
  return (await executor.query<QualifiedName>(HIDING_SQL, [table.oid], options)).rows;
}

function showOldRowsSql(tables: readonly QualifiedName[]): string {
  return tables
    .map((table) => `ALTER TABLE ${qualifiedName(table)} REPLICA IDENTITY FULL;`)
    .join(' ');
}

/** numeric with a precision is stored outside of the row only where the row would not fit into a page. */
function isAlwaysShort(typeName: string): boolean {
  const digits = /^numeric\((\d+)/.exec(typeName)?.[1];
  return digits !== undefined && Number(digits) <= 400;
}
