import type { SqlSession } from '@certyo-cdc/postgres';
import { openLogReader, type LogReader, type LogReading, readToEnd } from './log-reader.ts';
import type { Observed, ScheduleTarget } from './run-schedule.ts';
import type { Write } from './schedule.ts';

/** A table, and a log that its writers write to in the same transaction after they have locked the row. */
export const LOG_SCHEMA_SQL = `
  CREATE TABLE item (key int8 PRIMARY KEY, version int NOT NULL);
  CREATE SEQUENCE log_sequence CACHE 1;
  CREATE TABLE log (
    sequence int8 PRIMARY KEY DEFAULT pg_catalog.nextval('log_sequence'),
    xid int8 NOT NULL DEFAULT pg_catalog.txid_current(),
    key int8 NOT NULL, version int NOT NULL, operation text NOT NULL
  );
  CREATE INDEX ON log (xid, sequence);`;

const signal: AbortSignal = new AbortController().signal;

/** The log of `LOG_SCHEMA_SQL`, read behind the gap fence or in a way that is known to be wrong. */
export class LogTarget implements ScheduleTarget {
  readonly #session: SqlSession;
  readonly #reading: LogReading;
  readonly #random: () => number;
  #reader: LogReader | null = null;

  constructor(session: SqlSession, reading: LogReading, random: () => number) {
    this.#session = session;
    this.#reading = reading;
    this.#random = random;
  }

  async begin(existing: readonly number[]): Promise<void> {
    const rows = existing.map((key) => `(${String(key)}, 0)`).join(', ');
    if (existing.length > 0)
      await this.#session.query(`INSERT INTO public.item VALUES ${rows}`, [], { signal });
    this.#reader = await openLogReader(
      this.#session,
      this.#reading,
      () => 1 + Math.floor(this.#random() * 5),
    );
  }

  writeSql(write: Write): string {
    return logWriteSql(write);
  }

  async read(): Promise<readonly Observed[]> {
    return (await this.#open().read()).rows;
  }

  async restart(): Promise<void> {
    this.#open().restart();
    await Promise.resolve();
  }

  async finish(): Promise<readonly Observed[]> {
    return await readToEnd(this.#open());
  }

  #open(): LogReader {
    if (this.#reader === null) throw new Error('Nothing is read yet.');
    return this.#reader;
  }
}

/** Changes a row and logs the change, in one statement: the number is drawn when the row is locked. */
export function logWriteSql({ key, version, operation }: Omit<Write, 'transaction'>): string {
  const change = {
    insert: `INSERT INTO item VALUES (${String(key)}, ${String(version)})`,
    update: `UPDATE item SET version = version + 1 WHERE key = ${String(key)}`,
    delete: `DELETE FROM item WHERE key = ${String(key)}`,
  }[operation];
  const logged = operation === 'delete' ? 'version + 1' : 'version';
  return `WITH changed AS (${change} RETURNING key, ${logged} AS version)
    INSERT INTO log (key, version, operation) SELECT key, version, '${operation}' FROM changed`;
}
