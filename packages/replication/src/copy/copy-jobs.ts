import type { JsonValue } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import type { QualifiedName } from '@certyo-cdc/postgres';
import {
  type CopyCursor,
  cursorFromJson,
  FROM_THE_START,
  withoutBlocks,
  type BlockRange,
} from './copy-cursor.ts';

/** The name of the copy that is made before the first change is streamed. */
export const FIRST_COPY = 'first';

/** A table of a job, and what is left to copy of it. */
export interface CopyTask {
  readonly table: QualifiedName;
  /** The table's, where it is known: it stays when the table is given another name. */
  readonly oid?: number;
  /** Null when it is whole. */
  readonly cursor: CopyCursor | null;
  /** Rows that were handed over. */
  readonly rows: number;
  /** All that was read since the copy last began at the table's start shows every transaction with an id before this one. */
  readonly since?: string;
  /** A row may have moved to a part that was copied already, without a change that shows all of it. */
  readonly hasMoved?: boolean;
}

/** Tables that are to be copied, one after the other. */
export interface CopyJob {
  readonly id: string;
  readonly chunkRows: number;
  /** SQL condition for the rows to copy, or null. */
  readonly where: string | null;
  readonly tasks: readonly CopyTask[];
}

/** What is being copied, as it is at one end of the stream. Never changed in place. */
export interface CopyState {
  readonly jobs: readonly CopyJob[];
  /** Jobs that are whole, of which somebody may still have to be told. */
  readonly finished: readonly CopyJob[];
}

export const NOTHING_TO_COPY: CopyState = Object.freeze({ jobs: [], finished: [] });

/** A table that is to be copied, and its oid where that is known. */
export type NamedTable = QualifiedName & { readonly oid?: number };

/** A job that copies tables from the beginning. */
export function newJob(
  id: string,
  tables: readonly NamedTable[],
  options: { readonly chunkRows: number; readonly where: string | null },
): CopyJob {
  const { chunkRows, where } = options;
  const tasks = tables.map(({ oid, schema, name }): CopyTask => ({
    table: { schema, name },
    ...(oid === undefined ? {} : { oid }),
    cursor: FROM_THE_START,
    rows: 0,
  }));
  return { id, chunkRows, where, tasks };
}

/** Adds a job. One that is known already, or was made whole, is not begun again. */
export function withJob(state: CopyState, job: CopyJob): CopyState {
  const isKnown = [...state.jobs, ...state.finished].some(({ id }) => id === job.id);
  if (isKnown) return state;
  return settled({ ...state, jobs: [...state.jobs, job] }, job.id);
}

/** Adds tables to those of the first copy, from the beginning. */
export function withTables(
  state: CopyState,
  tables: readonly NamedTable[],
  options: { readonly chunkRows: number },
): CopyState {
  const added = newJob(FIRST_COPY, tables, { ...options, where: null });
  if (!state.jobs.some(({ id }) => id === FIRST_COPY)) return withJob(state, added);
  const labels = new Set(tables.map(tableLabel));
  const jobs = state.jobs.map((job) => {
    if (job.id !== FIRST_COPY) return job;
    const others = job.tasks.filter(({ table }) => !labels.has(tableLabel(table)));
    return { ...job, tasks: [...others, ...added.tasks] };
  });
  return { ...state, jobs };
}

/** A job of which nothing is left is finished. Nobody waits to be told of the first copy's end. */
function settled(state: CopyState, id: string): CopyState {
  const job = state.jobs.find((one) => one.id === id);
  if (job === undefined || job.tasks.some(({ cursor }) => cursor !== null)) return state;
  return {
    jobs: state.jobs.filter((one) => one !== job),
    finished: id === FIRST_COPY ? state.finished : [...state.finished, job],
  };
}

export function withoutJob(state: CopyState, id: string): CopyState {
  return {
    jobs: state.jobs.filter((job) => job.id !== id),
    finished: state.finished.filter((job) => job.id !== id),
  };
}

/** Notes that a table has got further; a job whose tables are all whole is finished by it. */
export function withProgress(
  state: CopyState,
  id: string,
  table: QualifiedName,
  progress: {
    readonly cursor: CopyCursor | null;
    readonly rows: number;
    readonly since?: string | undefined;
  },
): CopyState {
  const label = tableLabel(table);
  const changed = withTasks(state, (task, job) =>
    job.id === id && tableLabel(task.table) === label ? advanced(task, progress) : task,
  );
  return settled(changed, id);
}

/** Behind the last part of a table comes what has moved meanwhile: all that was written since the first part was read, by key. */
function advanced(task: CopyTask, progress: Parameters<typeof withProgress>[3]): CopyTask {
  const { cursor } = progress;
  const since = progress.since ?? task.since;
  const rows = task.rows + progress.rows;
  if (cursor !== null || task.hasMoved !== true) {
    return { ...task, cursor, rows, ...(since === undefined ? {} : { since }) };
  }
  const again = since === undefined ? FROM_THE_START : { ...FROM_THE_START, newerThan: since };
  return begun(task, again, rows);
}

function begun({ oid, table }: CopyTask, cursor: CopyCursor, rows: number): CopyTask {
  return { table, ...(oid === undefined ? {} : { oid }), cursor, rows };
}

/** Lets the copy of a table begin again. */
export function restarted(state: CopyState, id: string, table: QualifiedName): CopyState {
  const label = tableLabel(table);
  return withTasks(state, (task, job) =>
    job.id === id && tableLabel(task.table) === label
      ? begun(task, FROM_THE_START, task.rows)
      : task,
  );
}

/** Notes that rows of some tables may have moved to where nothing is read any more. */
export function withMoves(state: CopyState, isMeant: (task: CopyTask) => boolean): CopyState {
  return withTasks(state, (task) => (isMeant(task) ? { ...task, hasMoved: true } : task));
}

function withTasks(
  state: CopyState,
  change: (task: CopyTask, job: CopyJob) => CopyTask,
): CopyState {
  const jobs = state.jobs.map((job) => ({
    ...job,
    tasks: job.tasks.map((task) => change(task, job)),
  }));
  return { ...state, jobs };
}

/** Notes that a table has another name. Where another one of the job had that, it gets the old one until it is looked up itself. */
export function withName(
  state: CopyState,
  id: string,
  table: QualifiedName,
  name: QualifiedName,
): CopyState {
  const [before, after] = [tableLabel(table), tableLabel(name)];
  return withTasks(state, (task, job) => {
    const label = tableLabel(task.table);
    if (job.id !== id) return task;
    if (label === before) return { ...task, table: name };
    return label === after ? { ...task, table } : task;
  });
}

/** Notes that a part of a table was copied as the first snapshot shows it. */
export function withBlocks(
  state: CopyState,
  table: QualifiedName,
  part: { readonly oid: number; readonly range: BlockRange; readonly rows: number },
): CopyState {
  const label = tableLabel(table);
  const task = taskOf(state, FIRST_COPY, label);
  if (task?.cursor?.by !== 'ctid') return state;
  const cursor = withoutBlocks(task.cursor, part.oid, part.range);
  return withProgress(state, FIRST_COPY, table, { cursor, rows: part.rows });
}

export function taskOf(state: CopyState, id: string, label: string): CopyTask | null {
  const job = state.jobs.find((one) => one.id === id);
  return job?.tasks.find((task) => tableLabel(task.table) === label) ?? null;
}

/** For the checkpoint; null when there is nothing to go on with. */
export function copyStateToJson(state: CopyState): JsonValue {
  if (state.jobs.length === 0 && state.finished.length === 0) return null;
  return state as unknown as JsonValue;
}

/** Reads what `copyStateToJson` gave; nothing to copy for anything else. */
export function copyStateFromJson(value: JsonValue | undefined): CopyState {
  const state = value as Partial<CopyState> | null | undefined;
  if (!Array.isArray(state?.jobs) || !Array.isArray(state.finished)) return NOTHING_TO_COPY;
  return {
    finished: state.finished as readonly CopyJob[],
    jobs: (state.jobs as readonly CopyJob[]).map((job) => ({
      ...job,
      tasks: job.tasks.map((task) => ({ ...task, cursor: storedCursor(task.cursor) })),
    })),
  };
}

/** What cannot be read is copied from the start. */
function storedCursor(cursor: CopyCursor | null): CopyCursor | null {
  return cursor === null
    ? null
    : (cursorFromJson(cursor as unknown as JsonValue) ?? FROM_THE_START);
}
