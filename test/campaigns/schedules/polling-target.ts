import type { RowChange } from '@certyo-cdc/core';
import { type PollingSource, pollingSource, type PollingTable } from '@certyo-cdc/polling';
import type { Client } from 'pg';
import type { Observed, ScheduleTarget } from './run-schedule.ts';
import type { Write, WriteOperation } from './schedule.ts';
import { StreamReader } from './stream-reader.ts';

/** How a table is polled: by which cursor, and whether deletes are hard (tombstones) or marks. */
export const POLLINGS = ['xid', 'xid-soft', 'timestamp', 'timestamp-soft', 'id'] as const;

/** How a table is polled. */
export type Polling = (typeof POLLINGS)[number];

/** The table of a way of polling. */
export function tableOf(polling: Polling): string {
  return `by_${polling.replace('-', '_')}`;
}

/** One table for each way, and what a table of added rows is a log of. */
export const POLLING_SCHEMA_SQL: string = `
  CREATE TABLE item (key int8 PRIMARY KEY, version int NOT NULL);
  CREATE TABLE by_id (id bigserial PRIMARY KEY, key int8 NOT NULL, version int NOT NULL, operation text NOT NULL);
  ${POLLINGS.filter((polling) => polling !== 'id')
    .map(
      (
        polling,
      ) => `CREATE TABLE ${tableOf(polling)} (key int8 PRIMARY KEY, version int NOT NULL, operation text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(), deleted_at timestamptz);`,
    )
    .join('\n  ')}`;

/** No transaction of a schedule may go on for so long before its first write. */
const OVERLAP_MS = 2_000;

/** The source over the table of a way of polling. */
export function pollingSourceOf(connection: string, polling: Polling): PollingSource {
  const table = tableOf(polling);
  const softDelete = polling.endsWith('-soft') ? { column: 'deleted_at' } : undefined;
  const tables: PollingTable[] = polling.startsWith('xid')
    ? [{ table, softDelete }]
    : polling === 'id'
      ? [{ table, cursor: { kind: 'id', column: 'id' } }]
      : [
          {
            table,
            softDelete,
            hardDeletes: 'tombstone',
            cursor: { kind: 'timestamp', column: 'updated_at', overlapMs: OVERLAP_MS },
          },
        ];
  return pollingSource({
    connection,
    name: table,
    tables,
    intervalMs: { min: 4, max: 4 },
    // Small pages, so that ties and windows are cut; by stamp each pass reads the overlap again.
    maxPageRows: polling.startsWith('timestamp') ? 20 : 3,
  });
}

/** A polled table, read by a stream that stays open from schedule to schedule. */
export class PollingTarget implements ScheduleTarget {
  readonly #polling: Polling;
  readonly #client: Client;
  readonly #reader: StreamReader;
  readonly #versions = new Map<number, { version: number; text: string }>();

  constructor(polling: Polling, source: PollingSource, client: Client) {
    this.#polling = polling;
    this.#client = client;
    this.#reader = new StreamReader(source, client, (event) => [this.#observe(event)]);
  }

  /** Prepares for the next schedule. */
  use(random: () => number): void {
    this.#reader.use(random);
    this.#versions.clear();
  }

  async begin(existing: readonly number[]): Promise<void> {
    const table = this.#polling === 'id' ? 'item' : tableOf(this.#polling);
    const more = this.#polling === 'id' ? '' : ", 'insert'";
    const columns = this.#polling === 'id' ? 'key, version' : 'key, version, operation';
    const rows = existing.map((key) => `(${String(key)}, 0${more})`).join(', ');
    if (rows !== '') await this.#client.query(`INSERT INTO ${table} (${columns}) VALUES ${rows}`);
    await this.#reader.open();
  }

  writeSql(write: Write): string {
    return pollingWriteSql(this.#polling, write);
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

  #observe(event: RowChange): Observed {
    const row = event.after ?? event.before ?? {};
    const key = Number(row['key']);
    const isHard = event.operation === 'delete' && row['deleted_at'] === null;
    const version = Number(row['version']) + (isHard ? 1 : 0);
    const before = this.#versions.get(key);
    if (before !== undefined && version > before.version && event.version <= before.text) {
      throw new Error(`The version of ${String(key)} does not grow: ${event.version}.`);
    }
    this.#versions.set(key, { version, text: event.version });
    const operation = isHard ? 'delete' : (row['operation'] as WriteOperation);
    return { id: event.id, key, version, operation };
  }
}

/** A write to the table of a way of polling. */
export function pollingWriteSql(polling: Polling, write: Omit<Write, 'transaction'>): string {
  const { operation } = write;
  const key = String(write.key);
  const version = String(write.version);
  if (polling === 'id') {
    const change = {
      insert: `INSERT INTO item VALUES (${key}, ${version})`,
      update: `UPDATE item SET version = version + 1 WHERE key = ${key}`,
      delete: `DELETE FROM item WHERE key = ${key}`,
    }[operation];
    const logged = operation === 'delete' ? 'version + 1' : 'version';
    return `WITH changed AS (${change} RETURNING key, ${logged} AS version)
      INSERT INTO by_id (key, version, operation) SELECT key, version, '${operation}' FROM changed`;
  }
  const table = tableOf(polling);
  const mark = `version = ${table}.version + 1, operation = '${operation}', updated_at = now()`;
  if (operation === 'update') return `UPDATE ${table} SET ${mark} WHERE key = ${key}`;
  if (operation === 'insert') {
    return `INSERT INTO ${table} (key, version, operation) VALUES (${key}, ${version}, 'insert')
      ON CONFLICT (key) DO UPDATE SET version = ${version}, operation = 'insert', updated_at = now(), deleted_at = NULL`;
  }
  return polling.endsWith('-soft')
    ? `UPDATE ${table} SET ${mark}, deleted_at = now() WHERE key = ${key}`
    : `DELETE FROM ${table} WHERE key = ${key}`;
}
