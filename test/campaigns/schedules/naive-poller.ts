import type { Client } from 'pg';
import { pollingWriteSql, tableOf } from './polling-target.ts';
import type { Observed, ScheduleTarget } from './run-schedule.ts';
import type { Write, WriteOperation } from './schedule.ts';

/** Ways to poll that are known to be wrong. */
export type NaivePolling = 'stamp-through-date' | 'stamp-without-overlap' | 'xid-without-horizon';

/** Where a naive poller stands, by what it is wrong about. */
const PAGES: Readonly<
  Record<NaivePolling, { readonly condition: string; readonly cursor: string }>
> = {
  'stamp-through-date': {
    condition: 'updated_at >= $1::timestamptz',
    cursor: 'updated_at',
  },
  'stamp-without-overlap': { condition: 'updated_at > $1::timestamptz', cursor: 'updated_at' },
  'xid-without-horizon': { condition: 'certyo_xid > $1::text::xid8', cursor: 'certyo_xid' },
};

interface Row {
  readonly key: string;
  readonly version: number;
  readonly operation: string;
  readonly cursor: string;
}

/** Polls as a first attempt does: everything behind the greatest stamp so far. */
export class NaivePoller implements ScheduleTarget {
  readonly #naive: NaivePolling;
  readonly #client: Client;
  #cursor: string | null = null;

  constructor(naive: NaivePolling, client: Client) {
    this.#naive = naive;
    this.#client = client;
  }

  get #polling(): 'xid-soft' | 'timestamp-soft' {
    return this.#naive === 'xid-without-horizon' ? 'xid-soft' : 'timestamp-soft';
  }

  async begin(existing: readonly number[]): Promise<void> {
    const rows = existing.map((key) => `(${String(key)}, 0, 'insert')`).join(', ');
    const table = tableOf(this.#polling);
    if (rows !== '') {
      await this.#client.query(`INSERT INTO ${table} (key, version, operation) VALUES ${rows}`);
    }
    await this.read();
  }

  writeSql(write: Write): string {
    return pollingWriteSql(this.#polling, write);
  }

  async read(): Promise<readonly Observed[]> {
    const { condition, cursor } = PAGES[this.#naive];
    const where = this.#cursor === null ? 'true' : condition;
    const parameters = this.#cursor === null ? [] : [this.#cursor];
    const { rows } = await this.#client.query<Row>(
      `SELECT key::text, version, operation, ${cursor}::text AS cursor FROM ${tableOf(this.#polling)}
        WHERE ${where} ORDER BY ${cursor}, key`,
      parameters,
    );
    const last = rows.at(-1);
    if (last !== undefined) this.#cursor = this.#after(last.cursor);
    return rows.map((row) => ({
      id: `${row.key}/${row.cursor}/${String(row.version)}`,
      key: Number(row.key),
      version: row.version,
      operation: row.operation as WriteOperation,
    }));
  }

  async restart(): Promise<void> {
    await Promise.resolve();
  }

  async finish(): Promise<readonly Observed[]> {
    return await this.read();
  }

  /** P-04: what becomes of a stamp that a driver turns into a Date, and back. */
  #after(cursor: string): string {
    return this.#naive === 'stamp-through-date' ? new Date(cursor).toISOString() : cursor;
  }
}
