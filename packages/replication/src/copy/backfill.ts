import { randomUUID } from 'node:crypto';
import { ConfigurationError, PipelineStateError, SourceSetupError } from '@certyo-cdc/core';
import { OptionReader, sleep, SYSTEM_TIME, tableLabel } from '@certyo-cdc/core/internal';
import { parseTableName, type QualifiedName, sqlSession } from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import type { TableName } from '../options.ts';
import { type BackfillState, BackfillTable, type BackfillWish } from './backfill-table.ts';
import { normalizeChunkRows } from './copy-settings.ts';

/** What to copy again, and how. */
export interface BackfillOptions {
  /** Captured tables, by `schema.table` or by their parts. */
  readonly tables: readonly TableName[];
  /** SQL condition for the rows, over the columns of the table. It goes into a statement as it is. @default all rows */
  readonly where?: string | undefined;
  /** Most rows of a chunk. @default 10000 */
  readonly chunkRows?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How far a backfill is, as the reader last wrote it down. */
export interface BackfillStatus {
  readonly id: string;
  readonly state: BackfillState;
  readonly tables: readonly {
    /** `schema.table`. */
    readonly table: string;
    readonly rows: number;
    readonly isWhole: boolean;
  }[];
  /** Why it failed, else null. */
  readonly error: string | null;
}

/** A backfill that was asked for. */
export interface Backfill {
  readonly id: string;
  /** Resolves when all rows have been handed over and that is saved; rejects when it was cancelled or has failed. */
  readonly done: Promise<BackfillStatus>;
  /** Stops behind the chunk that is under way. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends it; what was handed over stays. */
  cancel(): Promise<void>;
  status(): Promise<BackfillStatus>;
}

/** Writes a request down; the stream of the source that is open, here or elsewhere, finds it. */
export async function requestBackfill(
  settings: ReplicationSettings,
  options: BackfillOptions,
  nudge: () => void,
): Promise<Backfill> {
  const request = normalizeBackfill(settings, options);
  const signal = options.signal ?? new AbortController().signal;
  const id = randomUUID();
  await withTable(settings, (table) => table.add({ id, ...request }, signal));
  nudge();
  return backfillHandle(settings, id, signal, nudge);
}

/** The backfills of a source that have not ended. */
export async function openBackfills(
  settings: ReplicationSettings,
  signal: AbortSignal,
  nudge: () => void,
): Promise<readonly Backfill[]> {
  const rows = await withTable(settings, async (table) =>
    (await table.exists(signal)) ? table.open(signal) : [],
  );
  return rows.map(({ id }) => backfillHandle(settings, id, signal, nudge));
}

function normalizeBackfill(
  settings: ReplicationSettings,
  options: BackfillOptions,
): {
  readonly tables: readonly QualifiedName[];
  readonly where: string | null;
  readonly chunkRows: number;
} {
  const reader = new OptionReader('', options, ['tables', 'where', 'chunkRows', 'signal']);
  const { tables } = options;
  if (!Array.isArray(tables) || tables.length === 0) {
    throw new ConfigurationError('tables', 'Expected `tables` to be a list of at least one table.');
  }
  const listed = new Set(settings.tables.map(tableLabel));
  const parsed = tables.map((table: TableName) => {
    const { schema, name } = parseTableName(table);
    const label = tableLabel({ schema, name });
    const isCaptured =
      listed.has(label) || settings.schemas.includes(schema) || settings.partitions === 'leaf';
    if (isCaptured) return { schema, name };
    throw new ConfigurationError('tables', `The table ${label} is not captured by this source.`);
  });
  const where = reader.text('where', '');
  return {
    tables: [...new Map(parsed.map((table) => [tableLabel(table), table])).values()],
    where: where === '' ? null : where,
    chunkRows: normalizeChunkRows(reader),
  };
}

/** Between two looks at a backfill that somebody waits for. */
const LOOK_MS = 250;

function backfillHandle(
  settings: ReplicationSettings,
  id: string,
  signal: AbortSignal,
  nudge: () => void,
): Backfill {
  const wish = async (wanted: BackfillWish): Promise<void> => {
    await withTable(settings, (table) => table.wish(id, wanted, signal));
    nudge();
  };
  let done: Promise<BackfillStatus> | null = null;
  return {
    id,
    get done(): Promise<BackfillStatus> {
      done ??= untilDone(settings, id, signal);
      return done;
    },
    pause: () => wish('pause'),
    resume: () => wish('run'),
    cancel: () => wish('cancel'),
    status: () => withTable(settings, (table) => readStatus(table, id, signal)),
  };
}

async function untilDone(
  settings: ReplicationSettings,
  id: string,
  signal: AbortSignal,
): Promise<BackfillStatus> {
  return withTable(settings, async (table) => {
    for (;;) {
      const status = await readStatus(table, id, signal);
      switch (status.state) {
        case 'finished':
          return status;
        case 'cancelled':
          throw new PipelineStateError(`The backfill ${id} was cancelled.`);
        case 'failed':
          throw new SourceSetupError(`The backfill ${id} has failed: ${status.error ?? '?'}`);
        default:
          await sleep(SYSTEM_TIME, LOOK_MS, signal);
      }
    }
  });
}

async function readStatus(
  table: BackfillTable,
  id: string,
  signal: AbortSignal,
): Promise<BackfillStatus> {
  const row = await table.find(id, signal);
  if (row === null) throw new PipelineStateError(`There is no backfill ${id} any more.`);
  const progress = row.progress as BackfillStatus['tables'];
  return {
    id,
    state: row.state,
    error: row.error,
    tables:
      progress.length > 0
        ? progress
        : row.tables.map((name) => ({ table: tableLabel(name), rows: 0, isWhole: false })),
  };
}

async function withTable<T>(
  settings: ReplicationSettings,
  work: (table: BackfillTable) => Promise<T>,
): Promise<T> {
  const session = sqlSession(settings.stateConnection);
  try {
    return await work(
      new BackfillTable(session, { schema: settings.stateSchema, source: settings.name }),
    );
  } finally {
    await session.close();
  }
}
