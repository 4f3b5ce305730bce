import type {
  ChangeStream,
  Checkpoint,
  EventSource,
  JsonValue,
  SourceEvent,
} from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import type { QualifiedName, ServerInfo, SqlExecutor, TypeRegistry } from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import type { Lsn } from '../protocol/lsn.ts';
import { RelationResolver } from '../stream/relation-resolver.ts';
import { copiesAt } from '../stream/source-position.ts';
import type { ReplicationStream } from '../stream/replication-stream.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { copyStateFromJson, type NamedTable } from './copy-jobs.ts';
import {
  asOfBegin,
  beginFirstCopy,
  besideStream,
  capturedTables,
  type CopyContext,
  schemaLabel,
} from './first-copy.ts';
import { openCopyingStream } from './open-copying.ts';

export interface PrepareCopiesOptions {
  readonly settings: ReplicationSettings;
  readonly server: ServerInfo;
  readonly executor: SqlExecutor;
  readonly query: TextQuery;
  readonly types: TypeRegistry;
  readonly source: EventSource & { readonly systemIdentifier: string };
  /** What is stored, of whichever source. */
  readonly checkpoint: Checkpoint | null;
  /** The checkpoint that is gone on with, or null at the beginning. */
  readonly resume: Checkpoint | null;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SourceEvent) => void;
}

/** Copies that belong to a stream which is being opened. */
export interface Copies {
  /** Puts them into the stream of changes. */
  into(stream: ReplicationStream, begin: Lsn): ChangeStream;
  /** Another instance holds the slot, for nobody knows how long. */
  slotIsTaken(): void;
  /** The stream was cut. */
  interrupted(): void;
  /** The stream could not be opened. */
  close(): Promise<void>;
}

/**
 * Before the slot is taken: finds out what is to be copied, and for a first copy makes the slot.
 *
 * A slot that is there while no checkpoint is was made by `setup()`, or by a life that ended before it had saved anything: then
 * nobody knows what was copied, and all of it is copied beside the stream.
 */
export async function prepareCopies(options: PrepareCopiesOptions): Promise<Copies> {
  const { checkpoint, executor, query, resume, server, settings, signal, source } = options;
  const context: CopyContext = {
    settings,
    server,
    executor,
    query,
    // One of its own: what the stream says of a table is not to be mixed with what the catalog says.
    resolver: new RelationResolver({
      database: settings.connection.database,
      keyOf: (message) => settings.keys[tableLabel(message)] ?? null,
      includeGenerated: settings.includeGenerated,
      types: options.types,
      query,
    }),
    onEvent: options.onEvent,
    signal,
  };
  const stored = resume?.state as { readonly copy?: JsonValue } | null | undefined;
  const { copy } = settings;
  const isFirst = copy !== null && resume === null;
  let first = isFirst && checkpoint === null ? await beginFirstCopy(copy, context) : null;
  const missing = first === null ? await missingTables(context, resume) : [];
  if (missing.length > 0 && copy === null) options.onEvent(notCopied(missing));
  let interrupted = (): void => undefined;
  let isInStream = false;
  return {
    into: (stream, begin) => {
      isInStream = true;
      const opened = openCopyingStream({
        context,
        stream,
        state: copyStateFromJson(stored?.copy),
        first: asOfBegin(first, begin),
        missing: copy === null ? [] : missing,
        copies: resume === null ? 0 : copiesAt(resume.position),
        source,
        begin,
        onEvent: options.onEvent,
      });
      interrupted = opened.interrupted;
      return opened.stream;
    },
    slotIsTaken: () => {
      // Meanwhile the snapshot would keep the server from cleaning up behind its writers.
      if (!isInStream && first !== null) first = besideStream(first);
    },
    interrupted: () => interrupted(),
    close: async () => first?.snapshot?.close(),
  };
}

/**
 * Captured tables whose rows from before nobody has copied: all where nobody knows what was copied, else those that were not
 * captured when the checkpoint was saved.
 */
async function missingTables(
  context: CopyContext,
  resume: Checkpoint | null,
): Promise<readonly NamedTable[]> {
  if (resume === null && context.settings.copy === null) return [];
  const stored = resume?.identity['tables'];
  const before = new Set(Array.isArray(stored) ? stored.map(String) : []);
  const { schemas, tables } = context.settings;
  const now = [...tables.map(tableLabel), ...schemas.map((schema) => schemaLabel(schema))];
  if (resume !== null && now.every((name) => before.has(name))) return [];
  return (await capturedTables(context))
    .filter(({ meantBy }) => !meantBy.some((name) => before.has(name)))
    .map(({ table: { oid, schema, name } }) => ({ oid, schema, name }));
}

/** What a table held before it was added is missing, and stays so unless somebody asks for it. */
function notCopied(tables: readonly QualifiedName[]): SourceEvent {
  const names = tables.map(tableLabel);
  const list = names.map((name) => `'${name}'`).join(', ');
  return {
    type: 'source-warned',
    code: 'TABLES_ADDED',
    message: `Captured from now on: ${names.join(', ')}. Rows from before are not handed over. To have them, call source.backfill({ tables: [${list}] }) once; or set the option copy before tables are added.`,
  };
}
