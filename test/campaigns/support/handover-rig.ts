import type { ChangeEvent } from '@certyo-cdc/core';
import { isRowChange } from '@certyo-cdc/core';
import type { TestDatabase } from '@certyo-cdc/testing';
import { Client } from 'pg';

const KEYS = 2_000;
const HOT_KEYS = 20;

export const HANDOVER_TABLES: readonly string[] = ['public.a', 'public.b', 'public.p'];

/**
 * Every version of a row has a number that nothing else has, greater than that of the version before. A trigger writes down
 * which were committed.
 */
export const HANDOVER_SQL = `
  CREATE SEQUENCE revision;
  CREATE TABLE committed (name text, key text, rev bigint);
  CREATE TABLE a (id int PRIMARY KEY, rev bigint, v text);
  CREATE TABLE b (k text, id int, rev bigint, v text, PRIMARY KEY (k, id));
  ALTER TABLE b REPLICA IDENTITY FULL;
  CREATE TABLE p (id int PRIMARY KEY, rev bigint, v text) PARTITION BY RANGE (id);
  CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (MINVALUE) TO (1000);
  CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (1000) TO (MAXVALUE);
  CREATE FUNCTION number_it() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN NEW.rev := nextval('revision'); RETURN NEW; END $$;
  CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO committed VALUES (TG_ARGV[0], CASE TG_ARGV[0] WHEN 'b' THEN to_jsonb(NEW) ->> 'k' || '/' ELSE '' END || NEW.id, NEW.rev);
      RETURN NULL;
    END $$;
  CREATE TRIGGER number_it BEFORE INSERT OR UPDATE ON a FOR EACH ROW EXECUTE FUNCTION number_it();
  CREATE TRIGGER number_it BEFORE INSERT OR UPDATE ON b FOR EACH ROW EXECUTE FUNCTION number_it();
  CREATE TRIGGER number_it BEFORE INSERT OR UPDATE ON p1 FOR EACH ROW EXECUTE FUNCTION number_it();
  CREATE TRIGGER number_it BEFORE INSERT OR UPDATE ON p2 FOR EACH ROW EXECUTE FUNCTION number_it();
  CREATE TRIGGER note_it AFTER INSERT OR UPDATE ON a FOR EACH ROW EXECUTE FUNCTION note_it('a');
  CREATE TRIGGER note_it AFTER INSERT OR UPDATE ON b FOR EACH ROW EXECUTE FUNCTION note_it('b');
  CREATE TRIGGER note_it AFTER INSERT OR UPDATE ON p FOR EACH ROW EXECUTE FUNCTION note_it('p');
  INSERT INTO a SELECT i, 0, 'first' FROM generate_series(0, 1999) i;
  INSERT INTO b SELECT chr(97 + i % 3), i, 0, 'first' FROM generate_series(0, 1499) i;
  INSERT INTO p SELECT i, 0, 'first' FROM generate_series(250, 1749) i;`;

/** Writes until it is stopped, three transactions at a time. */
export class HandoverWriters {
  readonly #stop = new AbortController();
  readonly #work: Promise<unknown>;
  transactions = 0;

  constructor(database: TestDatabase, random: () => number) {
    this.#work = Promise.all([0, 1, 2].map(() => this.#write(database.url, random)));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }

  async #write(url: string, random: () => number): Promise<void> {
    const client = new Client(url);
    client.on('error', () => undefined);
    await client.connect();
    try {
      while (!this.#stop.signal.aborted) {
        await writeOnce(client, random);
        this.transactions += 1;
        await new Promise((resolve) => setTimeout(resolve, random() * 10));
      }
    } finally {
      await client.end();
    }
  }
}

async function writeOnce(client: Client, random: () => number): Promise<void> {
  const any = (n: number): number => Math.floor(random() * n);
  const key = (): number => (random() < 0.3 ? any(HOT_KEYS) * 97 : any(KEYS));
  const ids = Array.from({ length: 1 + any(8) }, key).sort((left, right) => left - right);
  await client.query('BEGIN');
  try {
    // Two versions of one row are numbered in the order in which they are committed.
    for (const id of ids) await client.query('SELECT pg_advisory_xact_lock($1)', [id]);
    for (const id of ids) await client.query(statement(random, id));
    if (random() < 0.1) await new Promise((resolve) => setTimeout(resolve, 50 * random()));
    await client.query(random() < 0.1 ? 'ROLLBACK' : 'COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    const code = (error as { readonly code?: string }).code ?? '';
    // Who was in the way of a TRUNCATE, or wrote a key that is there.
    if (!['40P01', '23505', '55P03'].includes(code)) throw error;
  }
}

function statement(random: () => number, id: number): string {
  const table = ['a', 'b', 'p'][Math.floor(random() * 3)] ?? 'a';
  const k = 'abc'[id % 3] ?? 'a';
  const where = table === 'b' ? `k = '${k}' AND id = ${id}` : `id = ${id}`;
  const kind = random();
  if (kind < 0.4) return `UPDATE ${table} SET v = 'v${Math.floor(random() * 1e6)}' WHERE ${where}`;
  if (kind < 0.6) return `DELETE FROM ${table} WHERE ${where}`;
  if (kind < 0.65 && table === 'b')
    return `UPDATE b SET k = k || 'x' WHERE ${where} AND k NOT LIKE '%x'`;
  if (kind < 0.653) return `SET LOCAL lock_timeout = '200ms'; TRUNCATE ${table}`;
  const columns = table === 'b' ? `'${k}', ${id}` : String(id);
  const conflict = table === 'b' ? 'k, id' : 'id';
  return `INSERT INTO ${table} VALUES (${columns}, 0, 'n') ON CONFLICT (${conflict}) DO UPDATE SET v = 'again'`;
}

interface Told {
  /** The newest number that was told of. */
  rev: number;
  version: string;
  isDeleted: boolean;
  readonly revs: Set<number>;
}

/** What a reader is told, over all its lives, and whether it fits together. */
export class HandoverWitness {
  readonly #records = new Map<string, Told>();
  readonly #seen = new Set<string>();
  readonly problems: string[] = [];
  events = 0;
  copied = 0;
  repeated = 0;

  take(events: readonly ChangeEvent[]): void {
    for (const event of events) {
      this.events += 1;
      // What was told before its end was saved is told again after a kill.
      if (this.#seen.has(event.id)) {
        this.repeated += 1;
        continue;
      }
      this.#seen.add(event.id);
      if (isRowChange(event)) this.#takeRow(event);
      else if (event.operation === 'truncate') this.#truncate(event.table.name, event.version);
    }
  }

  #takeRow(event: ChangeEvent & { readonly operation: string }): void {
    if (!isRowChange(event)) return;
    const name = (key: object): string => `${event.table.name} ${Object.values(key).join('/')}`;
    if (event.previousKey !== null) this.#delete(name(event.previousKey), event.version);
    const record = name(event.key);
    if (event.operation === 'delete') return this.#delete(record, event.version);
    const rev = Number(event.after?.['rev']);
    const told = this.#at(record);
    const isCopy = event.operation === 'snapshot';
    if (isCopy) this.copied += 1;
    if (rev < told.rev || (rev === told.rev && (!isCopy || told.isDeleted))) {
      this.#problem(`${record}: ${event.operation} of ${rev} after ${told.rev}`);
    }
    if (event.version <= told.version) {
      this.#problem(`${record}: version ${event.version} after ${told.version}`);
    }
    told.rev = rev;
    told.version = event.version;
    told.isDeleted = false;
    told.revs.add(rev);
  }

  #delete(record: string, version: string): void {
    const told = this.#at(record);
    if (version <= told.version) {
      this.#problem(`${record}: delete ${version} after ${told.version}`);
    }
    told.version = version;
    told.isDeleted = true;
  }

  #truncate(table: string, version: string): void {
    for (const record of this.#records.keys()) {
      if (record.startsWith(`${table} `)) this.#delete(record, version);
    }
  }

  #at(record: string): Told {
    const known = this.#records.get(record);
    if (known !== undefined) return known;
    const told: Told = { rev: -1, version: '', isDeleted: false, revs: new Set() };
    this.#records.set(record, told);
    return told;
  }

  #problem(text: string): void {
    if (this.problems.length < 10) this.problems.push(text);
  }

  /** Compares what was told with what was committed: the last state, and every version since a row was first told of. */
  async compare(database: TestDatabase): Promise<void> {
    const committed = new Map<string, number[]>();
    for (const row of await database.query('SELECT name, key, rev::int AS rev FROM committed')) {
      const record = `${String(row['name'])} ${String(row['key'])}`;
      committed.set(record, [...(committed.get(record) ?? []), Number(row['rev'])]);
    }
    const now = new Map<string, number>();
    for (const sql of [
      `SELECT 'a ' || id AS record, rev::int AS rev FROM a`,
      `SELECT 'b ' || k || '/' || id AS record, rev::int AS rev FROM b`,
      `SELECT 'p ' || id AS record, rev::int AS rev FROM p`,
    ]) {
      for (const row of await database.query(sql))
        now.set(String(row['record']), Number(row['rev']));
    }
    for (const [record, rev] of now) {
      const told = this.#records.get(record);
      if (told === undefined) this.#problem(`${record}: lost`);
      else if (told.isDeleted) this.#problem(`${record}: told as deleted, is ${rev}`);
      else if (told.rev !== rev) this.#problem(`${record}: told as ${told.rev}, is ${rev}`);
    }
    for (const [record, told] of this.#records) {
      if (!told.isDeleted && !now.has(record)) this.#problem(`${record}: told, is not there`);
      const all = committed.get(record) ?? [];
      const first = Math.min(...told.revs);
      for (const rev of told.revs) {
        if (!all.includes(rev)) this.#problem(`${record}: ${rev} was never committed`);
      }
      for (const rev of all) {
        if (rev > first && !told.revs.has(rev)) this.#problem(`${record}: ${rev} was not told`);
      }
    }
  }
}
