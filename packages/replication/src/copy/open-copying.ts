import {
  CdcError,
  type ChangeStream,
  type EventSource,
  type SourceEvent,
  SourceSetupError,
} from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import { type QualifiedName, sqlSession } from '@certyo-cdc/postgres';
import type { ReplicationStream } from '../stream/replication-stream.ts';
import { BackfillRequests } from './backfill-requests.ts';
import { BackfillTable } from './backfill-table.ts';
import { Backfiller } from './backfiller.ts';
import { ChunkReader } from './chunk-reader.ts';
import type { CopiedTable } from './copied-table.ts';
import { asCopyError } from './copy-error.ts';
import {
  type CopyJob,
  type CopyState,
  type CopyTask,
  FIRST_COPY,
  type NamedTable,
  withJob,
  withName,
  withoutJob,
  withProgress,
  withTables,
} from './copy-jobs.ts';
import { CHUNK_ROWS } from './copy-settings.ts';
import { CopyProgressReport } from './copy-progress.ts';
import { CopyingStream } from './copying-stream.ts';
import { capturedTables, type CopyContext, describeTables, type FirstCopy } from './first-copy.ts';
import { onNudge } from './nudges.ts';
import { formatLsn, type Lsn } from '../protocol/lsn.ts';

export interface CopyingOptions {
  readonly context: CopyContext;
  readonly stream: ReplicationStream;
  /** What the checkpoint says of copies. */
  readonly state: CopyState;
  readonly first: FirstCopy | null;
  /** Tables that have to be copied and are not known to be. */
  readonly missing: readonly NamedTable[];
  /** Ends of copied rows that there were before at this position. */
  readonly copies: number;
  readonly source: EventSource & { readonly systemIdentifier: string };
  readonly begin: Lsn;
  readonly onEvent: (event: SourceEvent) => void;
}

/** Puts copies into a stream: the first one, what is left of an earlier one, and those that are asked for later. */
export function openCopyingStream(options: CopyingOptions): {
  readonly stream: ChangeStream;
  readonly interrupted: () => void;
} {
  const { begin, context, first, source, stream: inner } = options;
  const { settings, signal } = context;
  const { user } = settings.connection;
  const asError = (error: unknown): Error => asCopyError(error, { user });
  const progress = new CopyProgressReport(options.onEvent);
  const described = new Map<string, CopiedTable>();
  const describe = async (named: NamedTable): Promise<CopiedTable | null> => {
    const name = String(named.oid ?? tableLabel(named));
    const known = described.get(name);
    if (known !== undefined) return known;
    const [table] = await describeTables(context, (oid) => inner.known.get(oid) ?? null, named);
    if (table !== undefined) described.set(name, table);
    return table ?? null;
  };
  let state = options.state;
  if (first !== null) state = withJob(state, first.job);
  else if (options.missing.length > 0) {
    const chunkRows = settings.copy?.chunkRows ?? CHUNK_ROWS;
    state = withTables(state, options.missing, { chunkRows });
  }
  first?.snapshot?.begin({ source, epoch: inner.epochAt(begin), position: begin, copy: 'copy' });
  let backfiller: Backfiller | null = null;
  const isOwnDatabase = settings.stateConnection === settings.connection;
  const ownSession = isOwnDatabase ? null : sqlSession(settings.stateConnection);
  const requests: BackfillRequests = new BackfillRequests({
    table: new BackfillTable(ownSession ?? context.executor, {
      schema: settings.stateSchema,
      source: settings.name,
    }),
    state: () => stream.state,
    change: (changed) => stream.change(changed),
    saved: () => stream.acknowledged,
    tablesOf: (tables) => copiedTables(tables, context),
    onDropped: (id) => progress.dropped(id),
    onEvent: options.onEvent,
    signal,
  });
  const stream: CopyingStream = new CopyingStream({
    inner,
    state,
    saved: options.state,
    copies: options.copies,
    first: first?.snapshot ?? null,
    progress,
    signal,
    onCutOff: (error) => {
      const known = asError(error);
      if (!isRetryable(known)) throw known;
      options.onEvent({
        type: 'source-warned',
        code: 'COPY_CUT_OFF',
        message: `The first copy was cut off at ${formatLsn(begin)} and goes on in chunks beside the stream: ${known.message}`,
      });
    },
    onSaved: () => requests.look(),
    close: async () => {
      forgetNudge();
      await requests.close();
      await ownSession?.close();
    },
    backfiller: (self) =>
      (backfiller = new Backfiller({
        reader: new ChunkReader({
          connection: settings.connection,
          executor: context.executor,
          deadAfterMs: settings.deadAfterMs,
          onEvent: options.onEvent,
          systemIdentifier: source.systemIdentifier,
          maxBufferedBytes: settings.maxBufferedBytes,
          maxMessageBytes: settings.maxMessageBytes,
        }),
        describe,
        nextTask: () => nextTask(self.state, (id) => requests.mayRun(id)),
        source,
        epochAt: (end) => inner.epochAt(end),
        query: context.query,
        reached: (target, at) => inner.reached(target, at),
        isStandby: context.server.isInRecovery,
        delays: settings.reconnect,
        asError,
        onAltered: () => described.clear(),
        onRenamed: (job, task, name) => self.change(withName(self.state, job.id, task.table, name)),
        onMoved: (job, task) => self.restart(job, task),
        onGone: (job, task) => {
          const label = tableLabel(task.table);
          if (job.id !== FIRST_COPY) return failed(job, notCaptured(label));
          self.change(withProgress(self.state, job.id, task.table, { cursor: null, rows: 0 }));
          options.onEvent({
            type: 'source-warned',
            code: 'COPY_TABLE_GONE',
            message: `${label} is not captured any more: what was left of it is not copied.`,
          });
        },
        onFailed: (job, error) => {
          if (job.id === FIRST_COPY) throw error;
          failed(job, error);
        },
        onReady: () => self.nudge(),
        onEvent: options.onEvent,
        signal,
      })),
  });
  const failed = (job: CopyJob, error: Error): void => {
    // Somebody may put right what was in the way.
    described.clear();
    progress.dropped(job.id);
    stream.change(withoutJob(stream.state, job.id));
    requests.failed(job, error);
    options.onEvent({
      type: 'source-warned',
      code: 'BACKFILL_FAILED',
      message: `The backfill ${job.id} cannot be done: ${error.message}`,
    });
  };
  const forgetNudge = onNudge(settings, () => requests.look());
  requests.look();
  return { stream, interrupted: () => backfiller?.interrupted() };
}

/** The tables under whose names the rows of some tables come: those of their partitions, where the leaves are captured. */
async function copiedTables(
  tables: readonly QualifiedName[],
  context: CopyContext,
): Promise<readonly QualifiedName[]> {
  if (context.settings.partitions !== 'leaf') return tables;
  const captured = await capturedTables(context);
  const found = tables.flatMap((wanted) => {
    const label = tableLabel(wanted);
    const meant = captured.filter(({ meantBy }) => meantBy.includes(label));
    return meant.length === 0 ? [wanted] : meant.map(({ table }) => table);
  });
  return [
    ...new Map(found.map(({ schema, name }) => [`${schema}.${name}`, { schema, name }])).values(),
  ];
}

function notCaptured(label: string): SourceSetupError {
  return new SourceSetupError(`The table ${label} is not captured, so it cannot be copied.`);
}

/** The first table of the oldest job that is not whole. */
function nextTask(
  state: CopyState,
  mayRun: (id: string) => boolean,
): { readonly job: CopyJob; readonly task: CopyTask } | null {
  for (const job of state.jobs) {
    if (job.id !== FIRST_COPY && !mayRun(job.id)) continue;
    const task = job.tasks.find(({ cursor }) => cursor !== null);
    if (task !== undefined) return { job, task };
  }
  return null;
}

function isRetryable(error: Error): boolean {
  return CdcError.is(error) && error.retryable;
}
