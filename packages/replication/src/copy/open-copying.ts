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
  newJob,
  withJob,
  withoutJob,
} from './copy-jobs.ts';
import { CopyProgressReport } from './copy-progress.ts';
import { CopyingStream } from './copying-stream.ts';
import { type CopyContext, describeTable, type FirstCopy, publishedTables } from './first-copy.ts';
import { onNudge } from './nudges.ts';
import { formatLsn, type Lsn } from '../protocol/lsn.ts';

export interface CopyingOptions {
  readonly context: CopyContext;
  readonly stream: ReplicationStream;
  /** What the checkpoint says of copies. */
  readonly state: CopyState;
  readonly first: FirstCopy | null;
  /** Tables that have to be copied and are not known to be. */
  readonly missing: { readonly id: string; readonly tables: readonly QualifiedName[] } | null;
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
  const described = new Map<string, Promise<CopiedTable>>();
  const describe = (name: QualifiedName): Promise<CopiedTable> => {
    const label = tableLabel(name);
    const known = described.get(label);
    if (known !== undefined) return known;
    const description = describePublished(name, context);
    described.set(label, description);
    description.catch(() => described.delete(label));
    return description;
  };
  let state = options.state;
  if (first !== null) state = withJob(state, first.job);
  else if (options.missing !== null) {
    const { id, tables } = options.missing;
    const chunkRows = settings.copy?.chunkRows ?? 10_000;
    state = withJob(state, newJob(id, tables, { chunkRows, where: null }));
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
    onDropped: (id) => progress.dropped(id),
    onEvent: options.onEvent,
    signal,
  });
  const stream: CopyingStream = new CopyingStream({
    inner,
    state,
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
          systemIdentifier: source.systemIdentifier,
          maxBufferedBytes: settings.maxBufferedBytes,
          maxMessageBytes: settings.maxMessageBytes,
        }),
        describe,
        nextTask: () => nextTask(self.state, (id) => requests.isPaused(id)),
        source,
        epochAt: (end) => inner.epochAt(end),
        query: context.query,
        reached: (target, at) => inner.reached(target, at),
        isStandby: context.server.isInRecovery,
        delays: settings.reconnect,
        asError,
        onChanged: (job, task) => {
          described.delete(tableLabel(task.table));
          self.restart(job, task);
        },
        onFailed: (job, error) => {
          if (job.id === FIRST_COPY) throw error;
          progress.dropped(job.id);
          self.change(withoutJob(self.state, job.id));
          requests.failed(job, error);
          options.onEvent({
            type: 'source-warned',
            code: 'BACKFILL_FAILED',
            message: `The backfill ${job.id} cannot be done: ${error.message}`,
          });
        },
        onReady: () => self.nudge(),
        onEvent: options.onEvent,
        signal,
      })),
  });
  const forgetNudge = onNudge(settings, () => requests.look());
  requests.look();
  return { stream, interrupted: () => backfiller?.interrupted() };
}

async function describePublished(name: QualifiedName, context: CopyContext): Promise<CopiedTable> {
  const label = tableLabel(name);
  const table = (await publishedTables(context)).find((one) => tableLabel(one) === label);
  if (table === undefined) {
    throw new SourceSetupError(`The table ${label} is not captured, so it cannot be copied.`);
  }
  return describeTable(table, context);
}

/** The first table of the oldest job that is not whole. */
function nextTask(
  state: CopyState,
  isPaused: (id: string) => boolean,
): { readonly job: CopyJob; readonly task: CopyTask } | null {
  for (const job of state.jobs) {
    if (isPaused(job.id)) continue;
    const task = job.tasks.find(({ cursor }) => cursor !== null);
    if (task !== undefined) return { job, task };
  }
  return null;
}

function isRetryable(error: Error): boolean {
  return CdcError.is(error) && error.retryable;
}
