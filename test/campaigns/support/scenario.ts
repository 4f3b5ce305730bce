import {
  type CertyoEffect,
  type CertyoEmulator,
  type CertyoEmulatorOptions,
  type Comparison,
  compareEffects,
  compareFinalStates,
  type HistoryTable,
  installHistory,
  type OracleQuery,
  type PostgresServer,
  startCertyoEmulator,
  type TestDatabase,
} from '@certyo-cdc/testing';
import { Client as PgClient } from 'pg';
import { campaignSource, showsLatestState } from './sources.ts';
import {
  CAMPAIGN_SCHEMA_SQL,
  CAMPAIGN_TABLES,
  FULL_ROWS,
  LATEST_STATE_TABLES,
  MEMBER_SQL,
  SOFT_DELETES,
  writeUntil,
} from './writers.ts';

/** What one run counts; the four that must stay 0 and what shows that something happened. */
export type Counters = Record<string, number>;

/** A database with writers, an emulator, and the comparison of both in the end. */
export class Scenario implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly emulator: CertyoEmulator;
  readonly #source: string;
  #writers: Promise<unknown> = Promise.resolve();
  #stopped = false;

  private constructor(database: TestDatabase, emulator: CertyoEmulator, source: string) {
    this.database = database;
    this.emulator = emulator;
    this.#source = source;
  }

  static async create(
    server: PostgresServer,
    emulatorOptions: CertyoEmulatorOptions,
    source: string,
  ): Promise<Scenario> {
    const database = await server.createDatabase();
    await database.query(CAMPAIGN_SCHEMA_SQL);
    if (showsLatestState(source)) await database.query(MEMBER_SQL);
    const emulator = await startCertyoEmulator({
      batchAgeMs: 50,
      anchorDelayMs: 10,
      ...emulatorOptions,
    });
    const scenario = new Scenario(database, emulator, source);
    await installHistory(scenario.#query, scenario.#tables);
    await campaignSource(source, {
      connection: database.url,
      tables: scenario.tables,
      softDeletes: SOFT_DELETES,
    }).setup();
    return scenario;
  }

  get tables(): readonly string[] {
    return this.#tables.map(({ schema, name }) => `${schema}.${name}`);
  }

  get #tables(): readonly HistoryTable[] {
    return showsLatestState(this.#source) ? LATEST_STATE_TABLES : CAMPAIGN_TABLES;
  }

  /** Environment for a client process. */
  get environment(): Readonly<Record<string, string>> {
    return {
      PG_DSN: this.database.url,
      CAMPAIGN_SOURCE: this.#source,
      CAMPAIGN_TABLES: this.tables.join(','),
      CAMPAIGN_SOFT_DELETES: JSON.stringify(SOFT_DELETES),
      ...this.emulator.environment,
    };
  }

  /**
   * @param relaxed How many of the writers commit without waiting for the disk (P-17): after a crash of the server some of
   * what others have read already never happened.
   */
  startWriters(count: number, random: () => number, relaxed: number = 0): void {
    const connect = async (isRelaxed: boolean): Promise<PgClient> => {
      const client = new PgClient(this.database.url);
      client.on('error', () => undefined);
      await client.connect();
      if (isRelaxed) await client.query('SET synchronous_commit = off');
      return client;
    };
    const options = { softDeletes: showsLatestState(this.#source) };
    this.#writers = Promise.all(
      Array.from({ length: count }, (_, i) =>
        writeUntil(
          () => connect(i < relaxed),
          random,
          options,
          () => this.#stopped,
        ),
      ),
    );
  }

  async stopWriters(): Promise<void> {
    this.#stopped = true;
    await this.#writers;
  }

  /** Compares what the emulator holds with what was committed. */
  async compare(): Promise<{ readonly counters: Counters; readonly examples: readonly string[] }> {
    await this.emulator.waitUntilAnchored();
    const effects = this.emulator.records();
    const { committed, accepted, attempts, lost, duplicated, reordered, mismatched, examples } =
      await this.#comparison(effects);
    const ghosts = effects.filter((effect) => effect.payload.includes('ghost')).length;
    return {
      counters: { committed, accepted, attempts, lost, duplicated, reordered, mismatched, ghosts },
      examples,
    };
  }

  readonly #query: OracleQuery = (sql, values) => this.database.query(sql, values);

  async #comparison(effects: readonly CertyoEffect[]): Promise<Comparison> {
    const tables = this.#tables;
    // A trigger sees the whole old row, whatever the replica identity.
    const wholeRows = new Set(CAMPAIGN_TABLES.map((table) => `${table.schema}.${table.name}`));
    if (showsLatestState(this.#source)) {
      return await compareFinalStates(this.#query, tables, effects, {
        softDeletes: SOFT_DELETES,
        fullRows: wholeRows,
      });
    }
    const fullRows = this.#source === 'replication' ? FULL_ROWS : wholeRows;
    return await compareEffects(this.#query, tables, effects, { fullRows });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopWriters();
    await this.emulator.close();
    await this.database[Symbol.asyncDispose]();
  }
}

/** Throws when anything is lost, doubled, out of order, different or never committed. */
export function assertExact(counters: Counters, examples: readonly string[]): void {
  const wrong = ['lost', 'duplicated', 'reordered', 'mismatched', 'ghosts'].filter(
    (name) => counters[name] !== 0,
  );
  if (wrong.length === 0) return;
  const list = wrong.map((name) => `${name} ${counters[name] ?? '?'}`).join(', ');
  throw new Error(`${list} of ${counters['committed'] ?? '?'} committed: ${examples.join('; ')}`);
}
