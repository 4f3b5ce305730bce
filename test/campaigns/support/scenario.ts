import { replicationSource } from '@certyo-cdc/replication';
import {
  type CertyoEmulator,
  type CertyoEmulatorOptions,
  compareEffects,
  installHistory,
  type PostgresServer,
  startCertyoEmulator,
  type TestDatabase,
} from '@certyo-cdc/testing';
import { Client as PgClient } from 'pg';
import { CAMPAIGN_SCHEMA_SQL, CAMPAIGN_TABLES, FULL_ROWS, writeUntil } from './writers.ts';

/** What one run counts; the four that must stay 0 and what shows that something happened. */
export type Counters = Record<string, number>;

/** A database with writers, an emulator, and the comparison of both in the end. */
export class Scenario implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly emulator: CertyoEmulator;
  #writers: Promise<unknown> = Promise.resolve();
  #stopped = false;

  private constructor(database: TestDatabase, emulator: CertyoEmulator) {
    this.database = database;
    this.emulator = emulator;
  }

  static async create(
    server: PostgresServer,
    emulatorOptions: CertyoEmulatorOptions,
    slot: string,
  ): Promise<Scenario> {
    const database = await server.createDatabase();
    await database.query(CAMPAIGN_SCHEMA_SQL);
    await installHistory((sql, values) => database.query(sql, values), CAMPAIGN_TABLES);
    const emulator = await startCertyoEmulator({
      batchAgeMs: 50,
      anchorDelayMs: 10,
      ...emulatorOptions,
    });
    const scenario = new Scenario(database, emulator);
    await replicationSource({
      connection: database.url,
      tables: scenario.tables,
      slot,
      publication: slot,
    }).setup();
    return scenario;
  }

  get tables(): readonly string[] {
    return CAMPAIGN_TABLES.map(({ schema, name }) => `${schema}.${name}`);
  }

  /** Environment for a client process. */
  get environment(): Readonly<Record<string, string>> {
    return {
      PG_DSN: this.database.url,
      CAMPAIGN_TABLES: this.tables.join(','),
      ...this.emulator.environment,
    };
  }

  startWriters(count: number, random: () => number): void {
    const connect = async (): Promise<PgClient> => {
      const client = new PgClient(this.database.url);
      client.on('error', () => undefined);
      await client.connect();
      return client;
    };
    this.#writers = Promise.all(
      Array.from({ length: count }, () => writeUntil(connect, random, () => this.#stopped)),
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
      await compareEffects(
        (sql, values) => this.database.query(sql, values),
        CAMPAIGN_TABLES,
        effects,
        { fullRows: FULL_ROWS },
      );
    const ghosts = effects.filter((effect) => effect.payload.includes('ghost')).length;
    return {
      counters: { committed, accepted, attempts, lost, duplicated, reordered, mismatched, ghosts },
      examples,
    };
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
