import {
  type BeginWindowsOptions,
  type CheckpointSpan,
  ConfigurationError,
  type StoredCheckpoint,
  WindowError,
  type WindowStore,
} from '@certyo-cdc/core';
import { roleOf, runSetup, type RunSetupOptions, openStoreSession } from '@certyo-cdc/postgres';

import { StoreAccess, type StoreFailures } from '../store/store-access.ts';
import { type ChainRow, toChainEnd, WindowChain } from './chain.ts';
import { type ChainEnd, leadsTo, type StagedSpan } from './fold.ts';
import {
  normalizeWindowStoreOptions,
  type NormalizedWindowStoreOptions,
  type PostgresWindowStoreOptions,
} from './options.ts';
import {
  chainSql,
  pipelinesSql,
  reachSql,
  stageSql,
  windowGrantSql,
  windowSetupSql,
  windowsSql,
  windowTeardownSql,
} from './sql.ts';
import type { StoredWindow } from './window.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** Windows of completeness in PostgreSQL. */
export interface PostgresWindowStore extends WindowStore, AsyncDisposable {
  /** Makes schema and tables; gives the SQL back. Running it again changes nothing. Needs CREATE on the database. */
  setup(options: RunSetupOptions): Promise<readonly string[]>;
  /** Removes the tables with every window. */
  teardown(options: RunSetupOptions): Promise<readonly string[]>;
  /** Names of the pipelines that have windows. */
  pipelines(options: CallOptions): Promise<readonly string[]>;
  /** Closed windows of a pipeline, oldest first. */
  list(
    pipeline: string,
    options: CallOptions & {
      /** Number of the last one seen. @default 0 */
      readonly after?: number | undefined;
      readonly limit: number;
    },
  ): Promise<readonly StoredWindow[]>;
  /** Where the chain of a pipeline ends; null where it has none. */
  end(pipeline: string, options: CallOptions): Promise<ChainEnd | null>;
  /** Whether the chain of a pipeline, with what is staged behind its end, leads to this checkpoint of the pipeline. */
  leadsTo(
    pipeline: string,
    stored: StoredCheckpoint | null,
    options: CallOptions,
  ): Promise<boolean>;
  /**
   * Closes the open window of a pipeline of this process at its newest saved checkpoint, whatever its age; with `ifDue` only when
   * it is old enough. Gives what was closed.
   */
  closeNow(
    pipeline: string,
    options: CallOptions & { readonly ifDue?: boolean | undefined },
  ): Promise<readonly StoredWindow[]>;
}

interface OpenWindow {
  /** Of the newest checkpoint that is known to be saved. */
  revision: string | null;
  /** Where the chain ended when this life last looked. */
  end: ChainEnd;
  dueAtMs: number;
  /** Saved since the last window was closed, as far as this life knows. */
  checkpoints: number;
}

interface SpanRow {
  readonly span: string | null;
}

const MOST_WINDOWS = 10_000;
/** All spans of a window are in memory when it is closed. */
const MOST_CHECKPOINTS = 10_000;

class Store implements PostgresWindowStore {
  readonly #schema: string;
  readonly #windowMs: number;
  /** Staging must not wait for reading. */
  readonly #writing: StoreAccess;
  readonly #reading: StoreAccess;
  readonly #open = new Map<string, OpenWindow>();

  constructor({ place, windowMs }: NormalizedWindowStoreOptions) {
    const { schema } = place;
    const failures = (): StoreFailures => ({
      subject: 'Windows of completeness',
      error: WindowError,
      setup: windowSetupSql(schema),
      grants: windowGrantSql(roleOf(place), schema),
    });
    this.#schema = schema;
    this.#windowMs = windowMs;
    this.#writing = new StoreAccess(place, openStoreSession(place, 'certyo-cdc windows'), failures);
    this.#reading = new StoreAccess(
      place,
      openStoreSession(place, 'certyo-cdc windows (reading)'),
      failures,
    );
  }

  async begin({ pipeline, signal, source, stored }: BeginWindowsOptions): Promise<void> {
    const { end, now } = await this.#writing.write(
      (executor) =>
        new WindowChain(executor, this.#schema, pipeline, { signal }).begin(source, stored),
      { signal },
    );
    const ageMs = Date.parse(now) - Date.parse(end.openedAt);
    this.#open.set(pipeline, {
      revision: stored?.revision ?? null,
      end,
      dueAtMs: Date.now() + this.#windowMs - ageMs,
      checkpoints: 0,
    });
    await this.closeNow(pipeline, { ifDue: true, signal });
  }

  async stage(span: CheckpointSpan, { signal }: CallOptions): Promise<void> {
    const { pipeline, ...rest } = span;
    await this.#writing.write(
      (executor) =>
        executor.query(stageSql(this.#schema), [pipeline, span.revision, JSON.stringify(rest)], {
          signal,
        }),
      { signal },
    );
  }

  async saved(pipeline: string, revision: string, options: CallOptions): Promise<void> {
    const open = this.#open.get(pipeline);
    if (open !== undefined) {
      open.revision = revision;
      open.checkpoints += 1;
    }
    await this.closeNow(pipeline, { ifDue: true, ...options });
  }

  async closeNow(
    pipeline: string,
    { ifDue = false, signal }: Parameters<PostgresWindowStore['closeNow']>[1],
  ): Promise<readonly StoredWindow[]> {
    const open = this.#open.get(pipeline);
    if (open === undefined) return [];
    const isDue = Date.now() >= open.dueAtMs || open.checkpoints >= MOST_CHECKPOINTS;
    if (ifDue && !isDue) return [];
    const { end: left, revision } = open;
    const { closed, end } = await this.#writing.write(
      (executor) =>
        new WindowChain(executor, this.#schema, pipeline, { signal }).close(revision, left),
      { signal },
    );
    open.end = end;
    open.dueAtMs = Date.now() + this.#windowMs;
    open.checkpoints = 0;
    return closed;
  }

  async pipelines(options: CallOptions): Promise<readonly string[]> {
    const rows = await this.#reading.rows<{ readonly pipeline: string }>(
      pipelinesSql(this.#schema),
      [],
      options,
    );
    return rows.map(({ pipeline }) => pipeline);
  }

  async list(
    pipeline: string,
    { after = 0, limit, signal }: Parameters<PostgresWindowStore['list']>[1],
  ): Promise<readonly StoredWindow[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > MOST_WINDOWS) {
      throw new ConfigurationError(
        'limit',
        `Expected \`limit\` to be an integer from 1 to ${String(MOST_WINDOWS)}.`,
      );
    }
    const rows = await this.#reading.rows<{
      readonly number: string;
      readonly content: string;
      readonly hash: string;
    }>(windowsSql(this.#schema), [pipeline, String(after), String(limit)], { signal });
    return rows.map(({ content, hash, number }) => ({
      pipeline,
      number: Number(number),
      content,
      hash,
    }));
  }

  async end(pipeline: string, options: CallOptions): Promise<ChainEnd | null> {
    const [row] = await this.#reading.rows<ChainRow>(chainSql(this.#schema), [pipeline], options);
    return row === undefined ? null : toChainEnd(row);
  }

  async leadsTo(
    pipeline: string,
    stored: StoredCheckpoint | null,
    options: CallOptions,
  ): Promise<boolean> {
    const rows = await this.#reading.rows<Pick<ChainRow, 'revision' | 'position'> & SpanRow>(
      reachSql(this.#schema),
      [pipeline],
      options,
    );
    const [end] = rows;
    if (end === undefined) return stored === null;
    // Written by this package, see stage().
    const spans = rows.flatMap(({ span }) =>
      span === null ? [] : [JSON.parse(span) as StagedSpan],
    );
    return leadsTo(spans, end, {
      revision: stored?.revision ?? null,
      position: stored?.checkpoint.position ?? null,
    });
  }

  async setup(options: RunSetupOptions): Promise<readonly string[]> {
    return runSetup(this.#writing.session, windowSetupSql(this.#schema), options);
  }

  async teardown(options: RunSetupOptions): Promise<readonly string[]> {
    return runSetup(this.#writing.session, windowTeardownSql(this.#schema), options);
  }

  async close(): Promise<void> {
    await Promise.all([this.#reading.session.close(), this.#writing.session.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Keeps windows of completeness in tables of schema `certyo`, in the captured database or any other. Give it to
 * `createPipeline(source, sink, { windows })`.
 *
 * The counts of each checkpoint are on disk before it is saved, and count when it was; so they are exact however often a process
 * dies, wherever checkpoints are kept. Windows follow each other without holes. The role of `windowGrantSql` can neither
 * change nor remove a closed one. What fails is a `WindowError`, whose `retryable` says whether waiting may help.
 *
 * The tables hold names of tables and numbers, and no value of a row.
 *
 * @example
 * const windows = postgresWindowStore({ connection });
 * await windows.setup({ signal });
 * const pipeline = createPipeline(source, sink, { windows });
 */
export function postgresWindowStore(options: PostgresWindowStoreOptions = {}): PostgresWindowStore {
  return new Store(normalizeWindowStoreOptions(options));
}
