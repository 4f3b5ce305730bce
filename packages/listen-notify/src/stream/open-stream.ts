import {
  type ChangeStream,
  type Checkpoint,
  type EventSource,
  GapError,
  type JsonValue,
  type OpenOptions,
  SourceConnectionError,
  type SourceEvent,
  SourceSetupError,
} from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  createTypeRegistry,
  knownRelationsToJson,
  LeaseKeeper,
  type QualifiedName,
  qualifiedName,
  serverInfo,
  type ServerInfo,
  type SqlSession,
  sqlSession,
} from '@certyo-cdc/postgres';
import { type Doorbell, openDoorbell } from '../listener/doorbell.ts';
import { normalizeListenerOptions } from '../listener/listener-options.ts';
import type { DurableSettings } from '../normalize-options.ts';
import { DOORBELL_LOCK_CLASS, doorbellChannel } from '../setup/log-names.ts';
import { CaptureWatch } from './capture-watch.ts';
import { ChangeDecoder } from './change-decoder.ts';
import { ChangeLog } from './change-log.ts';
import type { CopyFilter } from './copy-filter.ts';
import { CopyReader } from './copy-reader.ts';
import type { EndState } from './handed-over.ts';
import { acceptIdentity, identityToJson, type LogIdentity } from './identity.ts';
import { LogColumnsReader } from './log-columns.ts';
import { assertContinues, type LogState, readLogState } from './log-state.ts';
import { LogStream } from './log-stream.ts';
import { Pruner } from './pruner.ts';
import { RelationResolver } from './relation-resolver.ts';
import { asSourceError } from './source-error.ts';
import { positionFromSequence } from './source-position.ts';
import { pruneGuard } from './sql.ts';
import { type StoredState, storedState } from './stored-state.ts';
import { textQuery } from './text-query.ts';
import { Waker } from './waker.ts';

/** Checks that the log is filled and ours to read, and begins to read. */
export async function openLogStream(
  settings: DurableSettings,
  options: OpenOptions,
): Promise<ChangeStream> {
  const opening = new Opening(settings, options);
  try {
    return await opening.open();
  } catch (error) {
    await opening.close();
    options.signal.throwIfAborted();
    throw opening.asError(error);
  }
}

/** What is open so far, so that it can be closed when a later step fails. */
class Opening {
  readonly #settings: DurableSettings;
  readonly #options: OpenOptions;
  readonly #log: QualifiedName;
  readonly #reader: SqlSession;
  readonly #side: SqlSession;
  #lease: LeaseKeeper | null = null;
  #doorbell: Doorbell | null = null;
  #pruner: Pruner | null = null;
  #closed: Promise<void> | null = null;
  #hasBegun = false;

  constructor(settings: DurableSettings, options: OpenOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#log = { schema: settings.stateSchema, name: settings.log };
    const answerTimeoutMs = settings.deadAfterMs === false ? undefined : settings.deadAfterMs;
    this.#reader = sqlSession(settings.connection, {
      applicationName: 'certyo-cdc change log',
      answerTimeoutMs,
    });
    this.#side = sqlSession(settings.connection, {
      applicationName: 'certyo-cdc lease',
      answerTimeoutMs,
    });
  }

  readonly asError = (error: unknown): Error =>
    asSourceError(error, {
      log: this.#log,
      user: this.#settings.connection.user,
      hasBegun: this.#hasBegun,
    });

  async open(): Promise<ChangeStream> {
    const { acceptTables, replaces, tables } = this.#settings;
    const { after, savedAtMs, signal } = this.#options;
    signal.throwIfAborted();
    this.#hasBegun = after?.kind === 'listen-notify';
    const server = await this.#server({ signal });
    await this.#acquireLease({ signal });
    const query = textQuery(this.#reader, signal);
    const state = await readLogState(query, this.#log);
    const labels = tables.map(tableLabel).sort();
    const identity: LogIdentity = {
      systemIdentifier: server.systemIdentifier,
      database: this.#settings.connection.database,
      log: tableLabel(this.#log),
      tables: labels,
    };
    const accepted = acceptIdentity(identity, {
      checkpoint: after,
      savedAtMs,
      acceptTables,
      replaces,
      beganAtMs: state.createdAtMs,
    });
    const stored = accepted.resume === null ? null : storedState(accepted.resume);
    const hasSwitched = stored !== null && assertContinues(state, stored, this.#log);
    const watch = new CaptureWatch({
      session: this.#side,
      settings: this.#settings,
      versionNumber: server.versionNumber,
      stored: stored?.capture ?? null,
      onEvent: (event) => this.#onEvent(event),
    });
    await watch.check({ signal });
    this.#hasBegun = true;
    return this.#assemble({
      identity,
      position: stored?.position ?? state.prunedThrough,
      epoch: accepted.epoch + (hasSwitched ? 1 : 0),
      state,
      stored,
      watch,
    });
  }

  async #assemble(begin: {
    readonly identity: LogIdentity;
    readonly position: bigint;
    readonly epoch: number;
    readonly state: LogState;
    readonly stored: StoredState | null;
    readonly watch: CaptureWatch;
  }): Promise<ChangeStream> {
    const { epoch, identity, position, state, stored, watch } = begin;
    const settings = this.#settings;
    const { signal } = this.#options;
    const types = stored?.types ?? createTypeRegistry();
    const source: EventSource & { readonly systemIdentifier: string } = Object.freeze({
      kind: 'listen-notify',
      name: settings.name,
      systemIdentifier: identity.systemIdentifier,
    });
    const query = textQuery(this.#reader, signal);
    const captured = new Map(settings.tables.map((table) => [tableLabel(table), table]));
    let copied = stored?.copied ?? null;
    const decoder = new ChangeDecoder({
      source,
      columns: new LogColumnsReader(this.#log, query),
      resolver: new RelationResolver({
        database: identity.database,
        keys: settings.keys,
        types,
        query,
      }),
      // By its oid: it may have had another name for a while.
      capturedAs: (table) =>
        captured.get(watch.labelOf(table.rootOid) ?? '') ?? captured.get(tableLabel(table)) ?? null,
      known: stored?.relations ?? new Map(),
      wasCopied: (row) => copied?.hasSeen(row) === true,
    });
    const lease = this.#heldLease();
    const changeLog = new ChangeLog({
      session: this.#reader,
      log: this.#log,
      logId: state.logId,
      after: position,
      epoch,
      timeline: state.timeline,
      maxRows: settings.maxBatchRows,
      maxBytes: settings.maxBatchBytes,
      leaseGuard: () => lease.guardSql,
    });
    this.#pruner = new Pruner({
      session: this.#reader,
      log: this.#log,
      guard: () =>
        pruneGuard(this.#log, {
          logId: state.logId,
          timeline: changeLog.timeline,
          lease: lease.guardSql,
        }),
      intervalMs: settings.pruneIntervalMs,
      prunedThrough: state.prunedThrough,
      signal,
      onFailure: (error) => {
        const known = this.asError(error);
        // What passes is tried again with the next deletion.
        if (known instanceof GapError || known instanceof SourceSetupError) stream.fail(known);
      },
    });
    await this.#openDoorbell();
    const stream = new LogStream({
      changeLog,
      decoder,
      pruner: this.#pruner,
      waker: new Waker({ ...settings, doorbell: this.#doorbell }),
      side: this.#side,
      log: this.#log,
      lease,
      delays: settings.reconnect,
      copy:
        stored?.copying != null || (stored === null && settings.copy)
          ? this.#copyReader({ decoder, source, epoch, first: stored?.copying ?? null })
          : null,
      onCopied: (filter) => {
        copied = filter;
      },
      check: async (options) => {
        await this.#assertServer(identity.systemIdentifier, options);
        await watch.check(options);
      },
      toCheckpoint: (end) =>
        toCheckpoint(end, identity, {
          types: types.toJSON(),
          relations: knownRelationsToJson(end.known),
          capture: watch.toJSON(),
          logId: state.logId,
          timeline: changeLog.timeline,
          copied: copied?.toJSON(end.end) ?? null,
          copying: end.copying?.asJson() ?? null,
        }),
      asError: this.asError,
      close: () => this.close(),
      signal,
      onEvent: (event) => this.#onEvent(event),
    });
    this.#pruner.acknowledge(position);
    this.#onEvent({ type: 'source-connected', position: positionFromSequence(position) });
    return stream;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#pruner?.close();
    await this.#doorbell?.[Symbol.asyncDispose]();
    await this.#lease?.release();
    await this.#reader.close();
    await this.#side.close();
  }

  #onEvent(event: SourceEvent): void {
    this.#options.onEvent?.(event);
  }

  #copyReader(parts: {
    readonly decoder: ChangeDecoder;
    readonly source: EventSource & { readonly systemIdentifier: string };
    readonly epoch: number;
    readonly first: CopyFilter | null;
  }): CopyReader {
    const { decoder, epoch, first, source } = parts;
    const { connection, deadAfterMs, maxBatchBytes, maxBatchRows, tables } = this.#settings;
    return new CopyReader(
      {
        tables,
        log: this.#log,
        source,
        epoch,
        first,
        maxRows: maxBatchRows,
        maxBytes: maxBatchBytes,
        deadAfterMs,
        describe: (columns) => decoder.describe(columns),
      },
      () => sqlSession(connection, { applicationName: 'certyo-cdc copy' }),
    );
  }

  #heldLease(): LeaseKeeper {
    if (this.#lease === null) throw new TypeError('The lease is taken before.');
    return this.#lease;
  }

  async #server(options: { readonly signal: AbortSignal }): Promise<ServerInfo> {
    const server = await serverInfo(this.#side, options);
    if (!server.isInRecovery) return server;
    throw new SourceSetupError(
      'The server is a standby; the change log can only be read on the primary, which is also where it is pruned.',
      { remedy: 'Connect to the primary.' },
    );
  }

  /** After a loss another server may answer at the same address. */
  async #assertServer(expected: string, options: { readonly signal: AbortSignal }): Promise<void> {
    const server = await serverInfo(this.#side, options);
    if (server.systemIdentifier !== expected) {
      throw new GapError(
        'GAP_CHECKPOINT_FOREIGN',
        `The server's system identifier is ${server.systemIdentifier}; the changes were read from ${expected}.`,
        { remedy: 'Connect to that server; or start under a new pipeline name after a copy.' },
      );
    }
    if (server.isInRecovery) {
      throw new SourceConnectionError(
        'SOURCE_UNREACHABLE',
        'The server is a standby that is not promoted yet.',
      );
    }
  }

  async #acquireLease(options: { readonly signal: AbortSignal }): Promise<void> {
    const { leaseMs, leaseWaitMs, log, stateSchema } = this.#settings;
    this.#lease = await LeaseKeeper.acquire(
      {
        session: this.#side,
        schema: stateSchema,
        name: `change log ${log}`,
        ttlMs: leaseMs,
        waitMs: leaseWaitMs,
        work: 'read the change log',
        onEvent: (event) => this.#onEvent(event),
      },
      options,
    );
  }

  async #openDoorbell(): Promise<void> {
    const { connection, doorbell, reconnect } = this.#settings;
    const { signal } = this.#options;
    if (doorbell === false) return;
    const [row] = await textQuery(this.#reader, signal)(
      'SELECT $1::pg_catalog.regclass::pg_catalog.oid::text AS oid',
      [qualifiedName(this.#log)],
    );
    this.#doorbell = await openDoorbell({
      connection,
      channel: doorbellChannel(this.#settings),
      lock:
        doorbell === 'always'
          ? null
          : { classId: DOORBELL_LOCK_CLASS, objectId: Number(row?.['oid']) },
      settings: normalizeListenerOptions({ reconnect }),
      signal,
      onEvent: (event) => this.#onEvent(event),
    });
  }
}

function toCheckpoint(end: EndState, identity: LogIdentity, state: JsonValue): Checkpoint {
  return {
    kind: 'listen-notify',
    identity: identityToJson(identity),
    position: positionFromSequence(end.end),
    epoch: end.epoch,
    state,
  };
}
