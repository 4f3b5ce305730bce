import { type DurableSource, listenNotifySource } from '@certyo-cdc/listen-notify';
import type { Client } from 'pg';
import { RowStates, type RowVerdict } from './row-states.ts';
import type { Observed, ScheduleTarget } from './run-schedule.ts';
import type { Several, Write } from './schedule.ts';
import { StreamReader } from './stream-reader.ts';

/** How the reader of a change log learns that there is something: it polls, or a doorbell rings. */
export const LOGS = ['polled_log', 'armed_log'] as const;

/** A change log. */
export type Log = (typeof LOGS)[number];

/** The tables that each log captures; the second one is partitioned, so that changes of keys move rows. */
export function tablesOf(log: Log): readonly string[] {
  return [`${log}_item`, `${log}_part`];
}

/** Tables of versioned rows, whose trigger writes another row where it is told to. */
export const CAPTURED_SCHEMA_SQL: string = `
  CREATE FUNCTION write_another() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NEW.touches IS NOT NULL THEN
      EXECUTE format('UPDATE %I SET ${nextVersion('version')} WHERE key = $1', TG_ARGV[0]) USING NEW.touches;
    END IF;
    IF NEW.removes IS NOT NULL THEN
      EXECUTE format('DELETE FROM %I WHERE key = $1', TG_ARGV[0]) USING NEW.removes;
    END IF;
    RETURN NULL;
  END $$;
  ${LOGS.flatMap((log) => tablesOf(log))
    .map((table) => {
      const isPartitioned = table.endsWith('part');
      return `
  CREATE TABLE ${table} (key int8 PRIMARY KEY, version int NOT NULL, body text NOT NULL DEFAULT '', touches int8, removes int8)
    ${isPartitioned ? 'PARTITION BY HASH (key)' : ''};
  ${[0, 1]
    .filter(() => isPartitioned)
    .map(
      (part) =>
        `CREATE TABLE ${table}_${String(part)} PARTITION OF ${table} FOR VALUES WITH (MODULUS 2, REMAINDER ${String(part)});`,
    )
    .join('\n  ')}
  CREATE TRIGGER write_another AFTER UPDATE OF touches, removes ON ${table}
    FOR EACH ROW EXECUTE FUNCTION write_another('${table}');`;
    })
    .join('')}`;

function nextVersion(version: string): string {
  return `version = ${version} + 1, body = pg_catalog.md5(pg_catalog.random()::text)`;
}

/** The source over the tables of a log. */
export function changeLogSourceOf(
  connection: string,
  log: Log,
  // Small pages, so that transactions are cut.
  maxBatchRows = 5,
): DurableSource {
  return listenNotifySource({
    connection,
    log,
    tables: tablesOf(log).map((table) => `public.${table}`),
    doorbell: log === 'armed_log' ? 'armed' : false,
    groupMs: false,
    intervalMs: { min: 5, max: 1_000 },
    maxBatchRows,
    pruneIntervalMs: 50,
  });
}

/** Captured tables, read by the stream of the change log that their triggers fill. */
export class ChangeLogTarget implements ScheduleTarget {
  readonly #client: Client;
  readonly #reader: StreamReader;
  #table = '';
  #states = new RowStates();
  #firstKey = 0;

  constructor(source: DurableSource, client: Client) {
    this.#client = client;
    this.#reader = new StreamReader(source, client, (event) => this.#states.take(event));
  }

  /** Prepares for the next schedule, which writes to this table, to keys from this one on. */
  use(random: () => number, table: string, firstKey: number): void {
    this.#reader.use(random);
    this.#table = table;
    this.#states = new RowStates();
    this.#firstKey = firstKey;
  }

  async begin(existing: readonly number[]): Promise<void> {
    await this.#reader.open();
    const rows = existing.map((key) => `(${String(key)}, 0)`).join(', ');
    if (rows === '') return;
    await this.#client.query(`INSERT INTO ${this.#table} (key, version) VALUES ${rows}`);
  }

  writeSql(write: Write): string {
    return capturedWriteSql(this.#table, write);
  }

  severalSql({ form, writes }: Several): string {
    const table = this.#table;
    const [first, second, third] = writes;
    const keys = [...new Set(writes.map(({ key }) => String(key)))].join(', ');
    if (form === 'delete') return `DELETE FROM ${table} WHERE key IN (${keys})`;
    if (form === 'change-key') {
      const to = `key = ${String(second?.key)}, version = ${String(second?.version)}`;
      return `UPDATE ${table} SET ${to} WHERE key = ${String(first?.key)}`;
    }
    if (form === 'upsert') {
      const rows = writes.map(({ key, version }) => `(${String(key)}, ${String(version)})`);
      return `INSERT INTO ${table} (key, version) VALUES ${rows.join(', ')}
        ON CONFLICT (key) DO UPDATE SET ${nextVersion(`${table}.version`)}`;
    }
    const other = `CASE key WHEN ${String(first?.key)} THEN ${String(third?.key)} END::int8`;
    const isRemoved = third?.operation === 'delete';
    return `UPDATE ${table} SET ${nextVersion('version')},
        touches = ${isRemoved ? 'NULL' : other}, removes = ${isRemoved ? other : 'NULL'}
      WHERE key IN (${keys})`;
  }

  read(): Promise<readonly Observed[]> {
    return this.#reader.read();
  }

  restart(): Promise<void> {
    return this.#reader.restart();
  }

  finish(): Promise<readonly Observed[]> {
    return this.#reader.finish();
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  /** What was wrong with the rows before and after, and with those that come of all changes, when all is read. */
  verdict(): Promise<RowVerdict> {
    return this.#states.verdict(this.#client, this.#table, this.#firstKey);
  }
}

/** A write to one captured row. */
export function capturedWriteSql(
  table: string,
  { key, version, operation }: Omit<Write, 'transaction'>,
): string {
  const where = `WHERE key = ${String(key)}`;
  return {
    insert: `INSERT INTO ${table} (key, version) VALUES (${String(key)}, ${String(version)})`,
    update: `UPDATE ${table} SET ${nextVersion('version')} ${where}`,
    delete: `DELETE FROM ${table} ${where}`,
  }[operation];
}
