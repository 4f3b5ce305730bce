import {
  canonicalJson,
  type Checkpoint,
  CheckpointError,
  CheckpointFencedError,
  type CheckpointStore,
  ConfigurationError,
  parseJson,
  type Position,
  type SourceIdentity,
  type StoredCheckpoint,
} from '@certyo-cdc/core';

import type { SqlExecutor, SqlSession } from '../connection/sql-executor.ts';
import type { SqlParameter } from '../connection/text-query.ts';
import { prepareToWrite } from '../setup/prepare-to-write.ts';
import { runSetup, type RunSetupOptions } from '../setup/run-setup.ts';
import { judgeStoreFailure } from '../setup/store-failure.ts';
import {
  normalizePostgresStoreOptions,
  openStoreSession,
  roleOf,
  type NormalizedStoreOptions,
  type PostgresStoreOptions,
} from '../setup/store-session.ts';
import {
  checkpointGrantSql,
  checkpointSetupSql,
  checkpointTeardownSql,
  insertSql,
  loadSql,
  revisionSql,
  updatePositionSql,
  updateSql,
} from './sql.ts';
import { WrittenState } from './written-state.ts';

/** A checkpoint store whose table is made and removed by explicit calls only. */
export interface PostgresCheckpointStore extends CheckpointStore {
  /** Makes schema and table; gives the SQL back. Running it again changes nothing. Needs CREATE on the database. */
  setup(options: RunSetupOptions): Promise<readonly string[]>;
  /** Removes the table. Every pipeline that used it then starts at its source's beginning. */
  teardown(options: RunSetupOptions): Promise<readonly string[]>;
}

/**
 * Keeps checkpoints in a table `checkpoints` of schema `certyo`, in the captured database or any other.
 *
 * A save is one transaction that is on disk when it resolves, and replaces only the revision that it names: of two
 * processes under one name, the one that comes second gets `CheckpointFencedError`. Everything else that fails is a
 * `CheckpointError`; its `retryable` says whether waiting may help, its remedy names the SQL to run.
 *
 * The role needs USAGE on the schema and SELECT, INSERT, UPDATE on the table (`checkpointGrantSql`).
 *
 * @example
 * const checkpoints = postgresCheckpointStore({ connection: process.env.STATE_DSN });
 * await checkpoints.setup({ signal });
 */
export function postgresCheckpointStore(
  options: PostgresStoreOptions = {},
): PostgresCheckpointStore {
  return new Store(normalizePostgresStoreOptions(options));
}

interface Row {
  readonly revision: string;
  readonly kind: string;
  readonly epoch: string;
  readonly position: string;
  readonly identity: string;
  readonly state: string;
  readonly saved_at_ms: string;
}

/** What a save of this process wrote last under a name. */
interface Written {
  readonly revision: string;
  readonly state: WrittenState;
}

type SaveOptions = Parameters<CheckpointStore['save']>[2];

class Store implements PostgresCheckpointStore {
  readonly #schema: string;
  readonly #role: string;
  readonly #session: SqlSession;
  readonly #written = new Map<string, Written>();

  constructor(options: NormalizedStoreOptions) {
    this.#schema = options.schema;
    this.#role = roleOf(options);
    this.#session = openStoreSession(options, 'certyo-cdc checkpoints');
  }

  async load(
    name: string,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<StoredCheckpoint | null> {
    checkName(name);
    const row = await this.#run('loaded', name, signal, async () => {
      const { rows } = await this.#session.query<Row>(loadSql(this.#schema), [name], { signal });
      return rows[0];
    });
    return row === undefined ? null : toStored(row, name);
  }

  async save(name: string, checkpoint: Checkpoint, options: SaveOptions): Promise<void> {
    checkName(name);
    const { signal, revision } = options;
    const found = await this.#run('saved', name, signal, () =>
      this.#session.transaction(
        async (executor) => {
          await prepareToWrite(executor, signal);
          return await this.#write(executor, name, checkpoint, options);
        },
        { signal },
      ),
    );
    if (found.revision !== revision) throw fenced(name, found.revision);
    // What a repeat finds was written by another call.
    if (found.state === null) this.#written.delete(name);
    else this.#written.set(name, { revision, state: found.state });
  }

  async setup(options: RunSetupOptions): Promise<readonly string[]> {
    return await runSetup(this.#session, checkpointSetupSql(this.#schema), options);
  }

  async teardown(options: RunSetupOptions): Promise<readonly string[]> {
    return await runSetup(this.#session, checkpointTeardownSql(this.#schema), options);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  /** Gives the revision that is stored afterwards, or null when there is none, and what this call wrote. */
  async #write(
    executor: SqlExecutor,
    name: string,
    checkpoint: Checkpoint,
    { replaces, revision, signal }: SaveOptions,
  ): Promise<{ readonly revision: string | null; readonly state: WrittenState | null }> {
    const { epoch, identity, kind, position } = checkpoint;
    const last = this.#written.get(name);
    // At once with what is written: the caller may change its state as long as it waits.
    const state = new WrittenState(checkpoint);
    const all = (): SqlParameter[] => [
      name,
      revision,
      kind,
      epoch,
      position,
      canonicalJson(identity),
      canonicalJson(checkpoint.state),
    ];
    const [sql, values] =
      replaces === null
        ? [insertSql(this.#schema), all()]
        : last?.revision === replaces && last.state.equals(state)
          ? [updatePositionSql(this.#schema), [name, revision, epoch, position, replaces]]
          : [updateSql(this.#schema), [...all(), replaces]];
    const written = await executor.query(sql, values, { signal });
    if (written.rowCount === 1) return { revision, state };
    // A repeat after a lost answer finds its own revision.
    const { rows } = await executor.query<{ readonly revision: string }>(
      revisionSql(this.#schema),
      [name],
      { signal },
    );
    return { revision: rows[0]?.revision ?? null, state: null };
  }

  async #run<T>(
    done: string,
    name: string,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const { said, retryable, remedy } = judgeStoreFailure(error, {
        setup: checkpointSetupSql(this.#schema),
        grants: checkpointGrantSql(this.#role, this.#schema),
      });
      throw new CheckpointError(
        `The checkpoint of pipeline ${JSON.stringify(name)} could not be ${done}: ${said}.`,
        { cause: error, retryable, remedy },
      );
    }
  }
}

function checkName(name: string): void {
  if (
    typeof name !== 'string' ||
    name === '' ||
    name.includes('\0') ||
    Buffer.byteLength(name) > 1000
  )
    throw new ConfigurationError(
      'name',
      'Expected the name of a pipeline to be a text of 1 to 1000 bytes without NUL.',
    );
}

function fenced(name: string, found: string | null): CheckpointFencedError {
  const what =
    found === null
      ? 'the checkpoint that it replaces is gone'
      : 'another process has saved a checkpoint under this name, or an older one was restored';
  return new CheckpointFencedError(
    `The checkpoint of pipeline ${JSON.stringify(name)} was not saved: ${what}.`,
    { remedy: 'Stop the other process, or give this pipeline another name; then start again.' },
  );
}

function toStored(row: Row, name: string): StoredCheckpoint {
  const identity = parseJson(row.identity);
  const isObject = typeof identity === 'object' && identity !== null && !Array.isArray(identity);
  if (!isObject)
    throw new CheckpointError(
      `The checkpoint of pipeline ${JSON.stringify(name)} is damaged: its identity is not an object.`,
      { retryable: false },
    );
  return {
    checkpoint: {
      kind: row.kind,
      identity: identity as SourceIdentity,
      position: row.position as Position,
      epoch: Number(row.epoch),
      state: parseJson(row.state),
    },
    revision: row.revision,
    savedAtMs: Number(row.saved_at_ms),
  };
}
