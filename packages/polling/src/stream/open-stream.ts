import {
  type Checkpoint,
  type EventSource,
  type JsonValue,
  type OpenOptions,
  PipelineStateError,
  type SourceEvent,
  SourceSetupError,
} from '@certyo-cdc/core';
import {
  createTypeRegistry,
  type HintedStream,
  LeaseKeeper,
  restoreTypeRegistry,
  type SqlSession,
  sqlSession,
  type TypeRegistry,
} from '@certyo-cdc/postgres';
import { openReader } from '../cursor/open-reader.ts';
import type { ReaderContext } from '../cursor/table-reader.ts';
import type { PollingSettings } from '../settings.ts';
import { assertPollingReady } from '../setup/plan.ts';
import type { PollingState } from '../setup/table-state.ts';
import { readTombstonesSince } from '../setup/trigger-since.ts';
import { triggerFingerprint, TriggerWatch } from '../setup/trigger-watch.ts';
import { storedTable } from '../table/stored-table.ts';
import { TableAccess } from '../table/table-access.ts';
import {
  acceptIdentity,
  assertSameServer,
  type PollingIdentity,
  tableIdentity,
} from './identity.ts';
import { HorizonWatch } from './horizon-watch.ts';
import { pollingSpec } from './polling-spec.ts';
import { type PolledTable, PollingStream } from './polling-stream.ts';
import { assertOwnStamps, type PolledServer, readServer } from './server-check.ts';
import { asSourceError } from './source-error.ts';

/** Checks that the tables are ready and ours to poll, and begins to look. */
export async function openPollingStream(
  settings: PollingSettings,
  options: OpenOptions,
  onClose: () => void,
): Promise<HintedStream> {
  const opening = new Opening(settings, options, onClose);
  try {
    return await opening.open();
  } catch (error) {
    await opening.close();
    options.signal.throwIfAborted();
    throw opening.asError(error);
  }
}

/** Between two looks at the triggers. */
const TRIGGER_CHECK_MS = 5_000;

/** What is open so far, so that it can be closed when a later step fails. */
class Opening {
  readonly #settings: PollingSettings;
  readonly #options: OpenOptions;
  readonly #onClose: () => void;
  readonly #session: SqlSession;
  readonly #leaseSession: SqlSession;
  #lease: LeaseKeeper | null = null;
  #checkedAtMs: number = Date.now();
  #closed: Promise<void> | null = null;
  #hasBegun = false;

  constructor(settings: PollingSettings, options: OpenOptions, onClose: () => void) {
    this.#onClose = onClose;
    this.#settings = settings;
    this.#options = options;
    const answerTimeoutMs = settings.deadAfterMs === false ? undefined : settings.deadAfterMs;
    this.#session = sqlSession(settings.connection, {
      applicationName: 'certyo-cdc polling',
      answerTimeoutMs,
    });
    this.#leaseSession = sqlSession(settings.stateConnection, {
      applicationName: 'certyo-cdc lease',
      answerTimeoutMs,
    });
  }

  readonly asError = (error: unknown): Error =>
    asSourceError(error, {
      user: this.#settings.connection.user,
      stateSchema: this.#settings.stateSchema,
      hasBegun: this.#hasBegun,
    });

  readonly #onEvent = (event: SourceEvent): void => this.#options.onEvent?.(event);

  async open(): Promise<HintedStream> {
    const settings = this.#settings;
    const { after, savedAtMs, signal } = this.#options;
    signal.throwIfAborted();
    const server = await readServer(this.#session, settings, { signal });
    await this.#acquireLease(server, signal);
    const identity: PollingIdentity = {
      systemIdentifier: server.systemIdentifier,
      timeline: server.timeline,
      database: settings.connection.database,
      tables: settings.tables.map(tableIdentity).sort(),
    };
    const isSwitch = after !== null && after.kind === settings.replaces;
    const { resume, epoch } = acceptIdentity(after, identity, settings, {
      savedAtMs,
      beganAtMs: isSwitch
        ? await readTombstonesSince(this.#session, pollingSpec(settings), { signal })
        : null,
    });
    if (server.isStandby) refuseReconciling(settings);
    const state = stateOf(resume);
    const { ready, watch } = await this.#watchTriggers(resume !== null, state['triggers'], signal);
    await assertOwnStamps(this.#session, settings.tables, { signal });
    const types =
      state['types'] === undefined ? createTypeRegistry() : restoreTypeRegistry(state['types']);
    const source: EventSource & { readonly systemIdentifier: string } = Object.freeze({
      kind: 'polling',
      name: settings.name,
      systemIdentifier: server.systemIdentifier,
    });
    const context: ReaderContext = {
      session: this.#session,
      source,
      epoch,
      guard: () => (this.#isLeaseBeside() ? (this.#lease?.guardSql ?? null) : null),
      maxRows: settings.maxPageRows,
      maxBytes: settings.maxPageBytes,
    };
    const tables = await this.#openTables(identity, context, types, ready, state['tables'], signal);
    const horizon = new HorizonWatch({
      session: this.#session,
      warningMs: settings.horizonWarningMs,
      onEvent: this.#onEvent,
      now: Date.now,
    });
    this.#hasBegun = true;
    this.#onEvent({ type: 'source-connected', position: resume?.position ?? null });
    return new PollingStream({
      settings,
      identity,
      epoch,
      after: resume?.position ?? null,
      // A standby takes no writes: there tombstones stay until a poller of the primary removes them.
      tables: server.isStandby
        ? tables.map((table) => ({ ...table, prune: () => Promise.resolve() }))
        : tables,
      types,
      session: this.#session,
      lease: this.#lease,
      signal,
      onEvent: this.#onEvent,
      asError: this.asError,
      verify: (options) => this.#verify(identity, watch, options),
      betweenRounds: (options) => this.#betweenRounds(watch, horizon, tables, options),
      extraState: () => ({ triggers: watch.toJSON() }),
      onClose: async () => {
        this.#onClose();
        await this.close();
      },
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#session.close();
    await this.#lease?.release();
    await this.#leaseSession.close();
  }

  async #openTables(
    identity: PollingIdentity,
    context: ReaderContext,
    types: TypeRegistry,
    ready: PollingState,
    stored: JsonValue | undefined,
    signal: AbortSignal,
  ): Promise<readonly PolledTable[]> {
    const settings = this.#settings;
    const tables: PolledTable[] = [];
    for (const [index, table] of settings.tables.entries()) {
      const known = storedTable(stored, table.label);
      const access = await TableAccess.open(
        {
          context,
          settings: table,
          database: settings.connection.database,
          user: settings.connection.user,
          types,
          allowStandby: settings.allowStandby,
          onEvent: this.#onEvent,
          assertServer: (server) => assertSameServer(identity, server),
          isHeld: () => this.#lease?.isHeld ?? true,
          known: known?.columns ?? null,
          oid: known?.oid ?? null,
        },
        { signal },
      );
      const sequence = ready.tables[index]?.sequence ?? null;
      tables.push(openReader(settings, context, access, types, sequence, known?.state ?? null));
    }
    return tables;
  }

  /** A standby can hold no lease: there it is kept in the state database, where that is another one. */
  async #acquireLease(server: PolledServer, signal: AbortSignal): Promise<void> {
    const { leaseMs, leaseWaitMs, name, stateSchema } = this.#settings;
    if (server.isStandby && this.#isLeaseBeside()) return;
    this.#lease = await LeaseKeeper.acquire(
      {
        session: this.#leaseSession,
        schema: stateSchema,
        name: `polling/${name}`,
        ttlMs: leaseMs,
        waitMs: leaseWaitMs,
        work: 'polled',
        onEvent: this.#onEvent,
      },
      { signal },
    );
  }

  /** Whether lease and tables are in one database, so that a read can tell whether it was ours to make. */
  #isLeaseBeside(): boolean {
    return this.#settings.stateConnection === this.#settings.connection;
  }

  async #watchTriggers(
    hasCheckpoint: boolean,
    stored: JsonValue | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly ready: PollingState; readonly watch: TriggerWatch }> {
    const spec = pollingSpec(this.#settings);
    const known = triggerFingerprint(stored);
    const ready = await assertPollingReady(this.#session, spec, {
      hasCheckpoint,
      wereThere: async (state) =>
        known !== null &&
        (await new TriggerWatch(spec, state, known).wereThere(this.#session, { signal })),
      signal,
      onEvent: this.#onEvent,
    });
    const watch = new TriggerWatch(spec, ready, known);
    await watch.check(this.#session, { signal });
    return { ready, watch };
  }

  async #betweenRounds(
    watch: TriggerWatch,
    horizon: HorizonWatch,
    tables: readonly PolledTable[],
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    const header = tables.find(({ header }) => header() !== null)?.header() ?? null;
    if (header !== null) await horizon.look(header, options);
    if (Date.now() - this.#checkedAtMs < TRIGGER_CHECK_MS) return;
    await watch.check(this.#session, options);
    this.#checkedAtMs = Date.now();
  }

  async #verify(
    identity: PollingIdentity,
    watch: TriggerWatch,
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    const server = await readServer(this.#session, this.#settings, options);
    assertSameServer(identity, server);
    await watch.check(this.#session, options);
    await assertOwnStamps(this.#session, this.#settings.tables, options);
  }
}

function stateOf(checkpoint: Checkpoint | null): Readonly<Record<string, JsonValue>> {
  const state = checkpoint?.state;
  if (state === undefined) return {};
  if (typeof state === 'object' && state !== null && !Array.isArray(state)) {
    return state as Readonly<Record<string, JsonValue>>;
  }
  throw new PipelineStateError('The checkpoint holds no state of polling.');
}

/** Comparing keys writes them down. */
function refuseReconciling({ tables }: PollingSettings): void {
  const table = tables.find(({ hardDeletes }) => typeof hardDeletes !== 'string');
  if (table === undefined) return;
  throw new SourceSetupError(
    `The keys of ${table.label} cannot be compared on a standby, which takes no writes.`,
    { remedy: "Connect to the primary, or choose hardDeletes: 'tombstone' or 'not-captured'." },
  );
}
