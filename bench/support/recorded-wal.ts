import { type PostgresServer, type TestDatabase } from '@certyo-cdc/testing';
import { replicationSource } from '@certyo-cdc/replication';
import { BENCH_TABLE, type BenchSize, createBenchRows, insertBenchRows } from './bench-rows.ts';
import { benchServer, type BenchServerOptions } from './server.ts';

/** What a reader needs to read the written log once. */
export interface WalReading {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly slot: string;
  readonly publication: string;
  /** `schema.table` */
  readonly table: string;
  readonly rows: number;
  readonly transactions: number;
  /** Everything ends before this position. */
  readonly endLsn: string;
}

const BASE_SLOT = 'certyo_bench';
const PUBLICATION = 'certyo_cdc';

/**
 * A server with the rows of the standard workload in its log, for as many readers as one likes: each gets a slot of its own,
 * a copy of one that was made before the rows, so that all read the same bytes from the same place.
 */
export class RecordedWal implements AsyncDisposable {
  readonly server: PostgresServer;
  readonly database: TestDatabase;
  readonly #size: BenchSize;
  readonly #endLsn: string;
  #copies = 0;

  private constructor(
    server: PostgresServer,
    database: TestDatabase,
    size: BenchSize,
    endLsn: string,
  ) {
    this.server = server;
    this.database = database;
    this.#size = size;
    this.#endLsn = endLsn;
  }

  static async write(size: BenchSize, options: BenchServerOptions): Promise<RecordedWal> {
    const server = await benchServer(options);
    try {
      const database = await server.createDatabase();
      await createBenchRows(database);
      // Publication, slot and the tables that checkpoints are kept in.
      await replicationSource({
        connection: database.url,
        tables: [BENCH_TABLE],
        slot: BASE_SLOT,
        publication: PUBLICATION,
      }).setup();
      await insertBenchRows(database, size);
      const [row] = await database.query<{ lsn: string }>(
        'SELECT pg_current_wal_insert_lsn()::text AS lsn',
      );
      // Nothing of the server's own is left to be done while it is measured.
      await database.query(`VACUUM (ANALYZE) ${BENCH_TABLE}`);
      await database.query('CHECKPOINT');
      return new RecordedWal(server, database, size, row?.lsn ?? '');
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  get rows(): number {
    return this.#size.rows;
  }

  /** Lets somebody read all of it through a slot of his own, which is gone afterwards. */
  async reading<Result>(read: (reading: WalReading) => Promise<Result>): Promise<Result> {
    const { database, host, port, url, user } = this.database;
    this.#copies += 1;
    const slot = `${BASE_SLOT}_${this.#copies}`;
    await this.database.query('SELECT pg_copy_logical_replication_slot($1, $2)', [BASE_SLOT, slot]);
    try {
      return await read({
        url,
        host,
        port,
        user,
        database,
        slot,
        publication: PUBLICATION,
        table: BENCH_TABLE,
        rows: this.#size.rows,
        transactions: this.#size.transactions,
        endLsn: this.#endLsn,
      });
    } finally {
      await this.#drop(slot);
    }
  }

  /** Up to where the reader of a slot has said that everything is safe; whether that is all of it. */
  async isAcknowledged(slot: string): Promise<boolean> {
    const [row] = await this.database.query<{ all: boolean }>(
      'SELECT confirmed_flush_lsn >= $2::pg_lsn AS all FROM pg_replication_slots WHERE slot_name = $1',
      [slot, this.#endLsn],
    );
    return row?.all === true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }

  /** The walsender of a reader that is gone may take a moment to notice. */
  async #drop(slot: string): Promise<void> {
    await this.database.query(
      `SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL`,
      [slot],
    );
    await this.database.query('SELECT pg_drop_replication_slot($1)', [slot]);
  }
}
