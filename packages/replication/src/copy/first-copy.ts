import {
  type PublicationTable,
  quoteIdentifier,
  readPublication,
  type ServerInfo,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import type { SourceEvent } from '@certyo-cdc/core';
import { sleep, SYSTEM_TIME, tableLabel } from '@certyo-cdc/core/internal';
import type { ReplicationSettings } from '../normalize-options.ts';
import type { Lsn } from '../protocol/lsn.ts';
import { readSlot } from '../setup/slot.ts';
import type { KnownRelation } from '../stream/known-relation.ts';
import type { RelationResolver } from '../stream/relation-resolver.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { type CopiedTable, describeCopiedTable } from './copied-table.ts';
import { type CopyJob, FIRST_COPY, type NamedTable, newJob } from './copy-jobs.ts';
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
  readonly onEvent: (event: SourceEvent) => void;
  readonly signal: AbortSignal;
}

/** A first copy that is prepared: the slot is made, and the snapshot of its beginning is held. */
export interface FirstCopy {
  readonly job: CopyJob;
  /** Where the slot begins, which is what the snapshot shows. */
  readonly begin: Lsn;
  /** Null when the tables are copied in chunks beside the stream. */
  readonly snapshot: SnapshotCopy | null;
}

/** TID range scans came with PostgreSQL 14. */
const RANGE_SCANS_SINCE = 140_000;

/** A table of the publication that the source captures, under the name under which its changes come. */
export interface CapturedTable {
  readonly table: PublicationTable;
  /** The names in the options by which it may be meant: its own, its schema's, those of the tables above it. */
  readonly meantBy: readonly string[];
}

/** A schema as a checkpoint names it among the tables. */
export function schemaLabel(schema: string): string {
  return `${quoteIdentifier(schema)}.*`;
}

export async function capturedTables(context: CopyContext): Promise<readonly CapturedTable[]> {
  const { executor, query, settings, signal } = context;
  const publication = await readPublication(executor, settings.publication, { signal });
  const wanted = new Set([
    ...settings.tables.map(tableLabel),
    ...settings.schemas.map((schema) => schemaLabel(schema)),
  ]);
  const captured: CapturedTable[] = [];
  for (const table of publication?.tables ?? []) {
    if (table.schema === settings.stateSchema) continue;
    const meantBy = [tableLabel(table), schemaLabel(table.schema)];
    if (settings.partitions === 'leaf') {
      for (const row of await query(ANCESTORS_SQL, [String(table.oid)])) {
        meantBy.push(tableLabel({ schema: row['schema'] ?? '', name: row['name'] ?? '' }));
      }
    }
    if (meantBy.some((name) => wanted.has(name))) captured.push({ table, meantBy });
  }
  return captured;
}

/**
 * Describes captured tables, all of them or one: that of an oid, or else that of a name.
 *
 * @param known The table of an oid as the stream last described it.
 */
export async function describeTables(
  context: CopyContext,
  known: (oid: number) => KnownRelation | null,
  only: NamedTable | null = null,
): Promise<readonly CopiedTable[]> {
  const { executor, resolver, server, settings, signal } = context;
  const read = async (): Promise<readonly PublicationTable[]> =>
    chosen(
      (await capturedTables(context)).map(({ table }) => table),
      only,
    );
  for (;;) {
    const tables = await read();
    const described: CopiedTable[] = [];
    for (const table of tables) {
      const options = {
        executor,
        resolver,
        versionNumber: server.versionNumber,
        origin: settings.origin,
        known: known(table.oid),
        signal,
      };
      described.push(await describeCopiedTable(table, options));
    }
    // A column may have come between what is published and what the table holds.
    if (JSON.stringify(await read()) === JSON.stringify(tables)) return described;
  }
}

function chosen(
  tables: readonly PublicationTable[],
  only: NamedTable | null,
): readonly PublicationTable[] {
  if (only === null) return tables;
  const same = tables.filter(({ oid }) => oid === only.oid);
  const label = tableLabel(only);
  return same.length > 0 ? same : tables.filter((table) => tableLabel(table) === label);
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
  const { executor, server, settings, signal } = context;
  if (server.isInRecovery || (await hasSlot(copy, context))) return null;
  const { chunkRows, slotLockTimeoutMs } = copy;
  const isByKey = copy.method === 'keyset';
  const { connection, deadAfterMs, maxBufferedBytes, maxMessageBytes } = settings;
  const before = await describeTables(context, () => null);
  const options: SnapshotCopyOptions = {
    connection,
    executor,
    deadAfterMs,
    onEvent: context.onEvent,
    tables: before,
    parallel: isByKey ? 1 : copy.parallel,
    chunkRows,
    maxBufferedBytes,
    maxMessageBytes,
    query: context.query,
    canRangeScan: server.versionNumber >= RANGE_SCANS_SINCE,
    signal,
  };
  // Connected before, so that the snapshot need not be held for long.
  const readers = await SnapshotCopy.connect(options);
  try {
    const slot = { executor, versionNumber: server.versionNumber, slotLockTimeoutMs, signal };
    const made = await makeSlot(settings, slot);
    if (made === null) {
      for (const reader of readers) reader.destroy();
      return await beginFirstCopy(copy, context);
    }
    const { begin } = made;
    let snapshot: SnapshotCopy;
    try {
      snapshot = await SnapshotCopy.import(readers, made.snapshot, options);
    } finally {
      await made.release();
    }
    const { oldest: since } = await untilVisible(snapshot, context);
    // Whoever was waited for may have made tables and partitions, or written some anew.
    const tables = await describeTables(context, () => null);
    const job = newJob(FIRST_COPY, tables.map(asNamed), { chunkRows, where: null });
    if (isByKey) {
      await Promise.all(readers.map((reader) => reader.end()));
      return { job, begin, snapshot: null };
    }
    const places = new Set(before.map(placesOf));
    const kept = tables.filter((table) => places.has(placesOf(table)));
    snapshot.keep(kept.map(({ oid }) => oid));
    const tasks = job.tasks.map((task) => {
      const table = kept.find(({ oid }) => oid === task.oid);
      // The snapshot may show nothing of a table that was written anew since.
      return table === undefined ? task : { ...task, cursor: blocksOf(table), since };
    });
    return { job: { ...job, tasks }, begin, snapshot };
  } catch (error) {
    for (const reader of readers) reader.destroy();
    throw error;
  }
}

function asNamed({ name, oid }: CopiedTable): NamedTable {
  return { ...name, oid };
}

/** Names a table and the files of its rows; the same for one that has not been altered, written anew or given partitions. */
function placesOf({ columns, filter, label, leaves, oid }: CopiedTable): string {
  return JSON.stringify([oid, label, columns, filter, leaves.map(({ shape }) => shape)]);
}

/**
 * Where another instance has read from the slot before this one got it, the snapshot shows rows from before what that one has
 * handed over: then all is copied beside the stream.
 */
export function asOfBegin(first: FirstCopy | null, begin: Lsn): FirstCopy | null {
  return first === null || first.begin === begin ? first : besideStream(first);
}

/** The same copy without its snapshot, which is given up. */
export function besideStream(first: FirstCopy): FirstCopy {
  const { begin, job, snapshot } = first;
  if (snapshot === null) return first;
  snapshot.close().catch(() => undefined);
  const { id, chunkRows, tasks, where } = job;
  const tables = tasks.map(({ oid, table }) => (oid === undefined ? table : { ...table, oid }));
  return { job: newJob(id, tables, { chunkRows, where }), begin, snapshot: null };
}

/**
 * Whether the slot is there. One that is still being made is waited for: whoever makes it may be a life that was killed
 * meanwhile, whose server process goes on until the slot is whole, or gives it up.
 */
async function hasSlot(
  copy: CopySettings,
  { query, settings, signal }: CopyContext,
): Promise<boolean> {
  const until = Date.now() + copy.slotLockTimeoutMs;
  for (;;) {
    const slot = await readSlot(query, settings.slot);
    if (slot === null) return false;
    const isBeingMade = slot.confirmedFlush === null && slot.activePid !== null;
    if (!isBeingMade || Date.now() >= until) return true;
    await sleep(SYSTEM_TIME, 50, signal);
  }
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
 *
 * @returns What the snapshot shows.
 */
export async function untilVisible(
  snapshot: Pick<SnapshotCopy, 'shows'>,
  { query, signal }: Pick<CopyContext, 'query' | 'signal'>,
): Promise<XidSnapshot> {
  const shows = await snapshot.shows();
  const running = await query(RUNNING_XIDS_SQL);
  const ending = running.map((row) => Number(row['xid'])).filter((xid) => shows.hasEnded(xid));
  while (ending.length > 0) {
    const [row] = await query(SNAPSHOT_SQL);
    const now = new XidSnapshot(row?.['snapshot'] ?? '');
    if (ending.every((xid) => now.hasEnded(xid))) break;
    await sleep(SYSTEM_TIME, 10, signal);
  }
  return shows;
}
