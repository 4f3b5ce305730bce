import { type JsonValue, SourceSetupError } from '@certyo-cdc/core';
import {
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  type SqlExecutor,
} from '@certyo-cdc/postgres';

/** Where a backfill is in its life. */
export type BackfillState =
  | 'requested'
  | 'running'
  | 'paused'
  | 'finished'
  | 'cancelled'
  | 'failed';

/** What somebody wants to become of a backfill. */
export type BackfillWish = 'run' | 'pause' | 'cancel';

/** A backfill as its row has it. */
export interface BackfillRow {
  readonly id: string;
  readonly tables: readonly QualifiedName[];
  readonly where: string | null;
  readonly chunkRows: number;
  readonly wish: BackfillWish;
  readonly state: BackfillState;
  readonly progress: JsonValue;
  readonly error: string | null;
}

const NAME = 'backfills';

function table(schema: string): string {
  return qualifiedName({ schema, name: NAME });
}

/** The SQL that makes the table of backfills. Running it twice changes nothing. */
export function backfillSetupSql(schema: string): readonly string[] {
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)};`,
    `CREATE TABLE IF NOT EXISTS ${table(schema)} (
  id text PRIMARY KEY,
  source text NOT NULL,
  tables text NOT NULL,
  condition text,
  chunk_rows integer NOT NULL,
  wish text NOT NULL,
  state text NOT NULL,
  progress text NOT NULL,
  error text,
  requested_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);`,
  ];
}

export function backfillTeardownSql(schema: string): readonly string[] {
  return [`DROP TABLE IF EXISTS ${table(schema)};`];
}

const COLUMNS =
  'id, tables, condition, chunk_rows::text AS chunk_rows, wish, state, progress, error';

/** Backfills of one source, in the schema of its state: requests of whoever asks, and what the reader made of them. */
export class BackfillTable {
  readonly #executor: SqlExecutor;
  readonly #schema: string;
  readonly #source: string;
  #exists = false;

  constructor(
    executor: SqlExecutor,
    options: { readonly schema: string; readonly source: string },
  ) {
    this.#executor = executor;
    this.#schema = options.schema;
    this.#source = options.source;
  }

  /** Whether `setup()` has made it. */
  async exists(signal: AbortSignal): Promise<boolean> {
    if (this.#exists) return true;
    const { rows } = await this.#executor.query(
      'SELECT pg_catalog.to_regclass($1)::text AS name',
      [table(this.#schema)],
      { signal },
    );
    this.#exists = rows[0]?.['name'] != null;
    return this.#exists;
  }

  async add(
    backfill: Pick<BackfillRow, 'id' | 'tables' | 'where' | 'chunkRows'>,
    signal: AbortSignal,
  ): Promise<void> {
    if (!(await this.exists(signal))) {
      throw new SourceSetupError(`The table ${table(this.#schema)} does not exist.`, {
        remedy: 'Run source.setup().',
      });
    }
    const { chunkRows, id, tables, where } = backfill;
    await this.#executor.query(
      `INSERT INTO ${table(this.#schema)} (id, source, tables, condition, chunk_rows, wish, state, progress)
       VALUES ($1, $2, $3, $4, $5, 'run', 'requested', '[]')`,
      [id, this.#source, JSON.stringify(tables), where, chunkRows],
      { signal },
    );
  }

  /** Those that have not ended, oldest first. */
  async open(signal: AbortSignal): Promise<readonly BackfillRow[]> {
    const { rows } = await this.#executor.query(
      `SELECT ${COLUMNS} FROM ${table(this.#schema)}
        WHERE source = $1 AND state IN ('requested', 'running', 'paused') ORDER BY requested_at, id`,
      [this.#source],
      { signal },
    );
    return rows.map(readRow);
  }

  async find(id: string, signal: AbortSignal): Promise<BackfillRow | null> {
    const { rows } = await this.#executor.query(
      `SELECT ${COLUMNS} FROM ${table(this.#schema)} WHERE id = $1 AND source = $2`,
      [id, this.#source],
      { signal },
    );
    return rows[0] === undefined ? null : readRow(rows[0]);
  }

  /** Whether it was cancelled or has failed. */
  async isGivenUp(id: string, signal: AbortSignal): Promise<boolean> {
    const state = (await this.find(id, signal))?.state;
    return state === 'cancelled' || state === 'failed';
  }

  async wish(id: string, wish: BackfillWish, signal: AbortSignal): Promise<void> {
    await this.#executor.query(
      `UPDATE ${table(this.#schema)} SET wish = $2 WHERE id = $1`,
      [id, wish],
      { signal },
    );
  }

  async note(
    id: string,
    noted: {
      readonly state: BackfillState;
      readonly progress?: JsonValue;
      readonly error?: string;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { error, progress, state } = noted;
    await this.#executor.query(
      `UPDATE ${table(this.#schema)}
          SET state = $2, progress = coalesce($3, progress), error = coalesce($4, error)
        WHERE id = $1 AND state NOT IN ('cancelled', 'failed')`,
      [id, state, progress === undefined ? null : JSON.stringify(progress), error ?? null],
      { signal },
    );
  }
}

function readRow(row: Readonly<Record<string, string | null>>): BackfillRow {
  return {
    id: row['id'] ?? '',
    tables: JSON.parse(row['tables'] ?? '[]') as readonly QualifiedName[],
    where: row['condition'] ?? null,
    chunkRows: Number(row['chunk_rows']),
    wish: (row['wish'] ?? 'run') as BackfillWish,
    state: (row['state'] ?? 'requested') as BackfillState,
    progress: JSON.parse(row['progress'] ?? '[]') as JsonValue,
    error: row['error'] ?? null,
  };
}
