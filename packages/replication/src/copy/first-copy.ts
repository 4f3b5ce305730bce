import {
  destroyClient,
  type PublicationTable,
  readPublication,
  type ServerInfo,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import { sleep, SYSTEM_TIME, tableLabel } from '@certyo-cdc/core/internal';
import type { ReplicationSettings } from '../normalize-options.ts';
import { readSlot } from '../setup/slot.ts';
import type { RelationResolver } from '../stream/relation-resolver.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { type CopiedTable, describeCopiedTable } from './copied-table.ts';
import { type CopyJob, FIRST_COPY, newJob } from './copy-jobs.ts';
import type { CopySettings } from './copy-settings.ts';
import { ANCESTORS_SQL } from './copy-sql.ts';
import { makeSlot } from './make-slot.ts';
import { SnapshotCopy, type SnapshotCopyOptions } from './snapshot-copy.ts';
import { RUNNING_XIDS_SQL, SNAPSHOT_SQL, XidSnapshot } from './xid-snapshot.ts';

/** What reading rows of captured tables takes. */
export interface CopyContext {
  readonly settings: ReplicationSettings;
  readonly server: ServerInfo;
  readonly executor: SqlExecutor;
  readonly query: TextQuery;
  readonly resolver: RelationResolver;
  readonly signal: AbortSignal;
}

/** A first copy that is prepared: the slot is made, and the snapshot of its beginning is held. */
export interface FirstCopy {
  readonly job: CopyJob;
  /** Null when the tables are copied in chunks beside the stream. */
  readonly snapshot: SnapshotCopy | null;
}

/** TID range scans came with PostgreSQL 14. */
const RANGE_SCANS_SINCE = 140_000;

/** The tables of the publication that the source captures, under the names under which their changes come. */
export async function publishedTables(context: CopyContext): Promise<readonly PublicationTable[]> {
  const { executor, query, settings, signal } = context;
  const publication = await readPublication(executor, settings.publication, { signal });
  const listed = new Set(settings.tables.map(tableLabel));
  const tables: PublicationTable[] = [];
  for (const table of publication?.tables ?? []) {
    if (table.schema === settings.stateSchema) continue;
    if (listed.has(tableLabel(table)) || settings.schemas.includes(table.schema)) {
      tables.push(table);
    } else if (settings.partitions === 'leaf') {
      const ancestors = await query(ANCESTORS_SQL, [String(table.oid)]);
      const names = ancestors.map((row) =>
        tableLabel({ schema: row['schema'] ?? '', name: row['name'] ?? '' }),
      );
      if (names.some((name) => listed.has(name))) tables.push(table);
    }
  }
  return tables;
}

export function describeTable(
  table: PublicationTable,
  { executor, resolver, server, settings, signal }: CopyContext,
): Promise<CopiedTable> {
  return describeCopiedTable(table, {
    executor,
    resolver,
    versionNumber: server.versionNumber,
    origin: settings.origin,
    signal,
  });
}

/**
 * Prepares the first copy: makes the slot and takes over the snapshot of its beginning (S-01).
 *
 * @returns Null when the slot is there already.
 */
export async function beginFirstCopy(
  copy: CopySettings,
  context: CopyContext,
): Promise<FirstCopy | null> {
  const { query, server, settings, signal } = context;
  if (server.isInRecovery || (await readSlot(query, settings.slot)) !== null) return null;
  const tables: CopiedTable[] = [];
  for (const table of await publishedTables(context)) {
    tables.push(await describeTable(table, context));
  }
  const job = newJob(
    FIRST_COPY,
    tables.map(({ name }) => name),
    {
      chunkRows: copy.chunkRows,
      where: null,
    },
  );
  const { slotLockTimeoutMs } = copy;
  const { executor } = context;
  const slot = { executor, versionNumber: server.versionNumber, slotLockTimeoutMs, signal };
  if (copy.method === 'keyset') {
    const made = await makeSlot(settings, slot);
    await made.release();
    return { job, snapshot: null };
  }
  const { connection, maxBufferedBytes, maxMessageBytes } = settings;
  const options: SnapshotCopyOptions = {
    connection,
    tables,
    parallel: copy.parallel,
    chunkRows: copy.chunkRows,
    maxBufferedBytes,
    maxMessageBytes,
    query,
    canRangeScan: server.versionNumber >= RANGE_SCANS_SINCE,
    signal,
  };
  // Connected before, so that the snapshot need not be held for long.
  const readers = await SnapshotCopy.connect(options);
  let snapshot: SnapshotCopy;
  try {
    const made = await makeSlot(settings, slot);
    try {
      snapshot = await SnapshotCopy.import(readers, made.snapshot, options);
    } finally {
      await made.release();
    }
    await untilVisible(snapshot, query, signal);
  } catch (error) {
    readers.forEach(destroyClient);
    throw error;
  }
  return {
    job: {
      ...job,
      tasks: tables.map((table) => ({
        table: table.name,
        cursor: blocksOf(table),
        rows: 0,
        read: 0,
      })),
    },
    snapshot,
  };
}

function blocksOf(table: CopiedTable): CopyJob['tasks'][number]['cursor'] {
  if (table.leaves.length === 0) return null;
  return {
    by: 'ctid',
    leaves: table.leaves.map(({ oid, shape }) => ({ oid, shape, ranges: [[0, null]] })),
  };
}

/**
 * The snapshot of a slot is made from the log, which has a commit a moment before the server's own tables of transactions
 * do. To look at a row in that moment would make it look aborted, for everybody and for good (S-08). So nothing is read before
 * all that the snapshot shows has ended there too.
 */
async function untilVisible(
  snapshot: SnapshotCopy,
  query: TextQuery,
  signal: AbortSignal,
): Promise<void> {
  const shows = await snapshot.shows();
  const running = await query(RUNNING_XIDS_SQL);
  const ending = running.map((row) => Number(row['xid'])).filter((xid) => shows.hasEnded(xid));
  while (ending.length > 0) {
    const [row] = await query(SNAPSHOT_SQL);
    const now = new XidSnapshot(row?.['snapshot'] ?? '');
    if (ending.every((xid) => now.hasEnded(xid))) return;
    await sleep(SYSTEM_TIME, 10, signal);
  }
}
