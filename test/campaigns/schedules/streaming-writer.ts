import type { Client } from 'pg';
import type { StreamingAction } from './streaming-steps.ts';

/** More than a hundred rows of this exceed logical_decoding_work_mem at its least. */
const VALUE = `repeat('x', 300)`;

/** Schema of the tables: one that all write to, and two of each writer's own, of which one refers to the other. */
export function streamingSchemaSql(writers: number): string {
  const own = Array.from(
    { length: writers },
    (_, i) => `CREATE TABLE own_${i} (id int PRIMARY KEY, v text);
      CREATE TABLE child_${i} (id int PRIMARY KEY REFERENCES own_${i}, v text);`,
  );
  return `CREATE TABLE shared (id int PRIMARY KEY, v text); ${own.join('\n')}`;
}

/**
 * One connection's transactions. Keys of the shared table are those of the transaction alone, and tables of the writer's own
 * are not touched while a prepared transaction holds them: so nothing waits for anything.
 */
export class StreamingWriter {
  readonly #client: Client;
  readonly #control: Client;
  readonly #number: number;
  readonly #nextKey: () => number;
  #isOpen = false;
  #savepoints: string[] = [];
  #names = 0;
  /** Keys that this transaction wrote to the shared table. */
  #first = 0;
  #next = 0;
  #touchedOwn = false;
  #isLocked = false;
  #prepared: {
    readonly gid: string;
    readonly holdsOwn: boolean;
    readonly isLocked: boolean;
  } | null = null;

  constructor(options: {
    readonly client: Client;
    readonly control: Client;
    readonly number: number;
    /** Begins a range of a million keys. */
    readonly nextKey: () => number;
  }) {
    this.#client = options.client;
    this.#control = options.control;
    this.#number = options.number;
    this.#nextKey = options.nextKey;
  }

  /** A table is locked, so that what a publication covers cannot be read for as long. */
  get isLocked(): boolean {
    return (this.#isOpen && this.#isLocked) || this.#prepared?.isLocked === true;
  }

  async act(action: StreamingAction): Promise<void> {
    switch (action.kind) {
      case 'finish-prepared':
        return this.#finishPrepared(action.commits);
      case 'commit':
      case 'rollback':
        return this.#end(action.kind);
      case 'prepare':
        return this.#prepare();
      case 'message':
        return this.#message(action.transactional, action.bytes);
      default:
        break;
    }
    await this.#open();
    switch (action.kind) {
      case 'savepoint':
        this.#savepoints.push(`s${++this.#names}`);
        return this.#run(`SAVEPOINT s${this.#names}`);
      case 'rollback-to': {
        const name = this.#savepoints.at(-1);
        return name === undefined ? undefined : this.#run(`ROLLBACK TO ${name}`);
      }
      case 'release': {
        const name = this.#savepoints.pop();
        return name === undefined ? undefined : this.#run(`RELEASE ${name}`);
      }
      case 'add-column':
      case 'drop-column':
      case 'truncate':
      case 'truncate-both':
        return this.#change(action.kind);
      default:
        return this.#rows(action.kind, action.own && this.#mayTouchOwn(), action.rows);
    }
  }

  /** Ends whatever is open. */
  async finish(random: () => number): Promise<void> {
    await this.#end(random() < 0.6 ? 'commit' : 'rollback');
    await this.#finishPrepared(random() < 0.6);
  }

  async #open(): Promise<void> {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#touchedOwn = false;
    this.#isLocked = false;
    this.#first = this.#nextKey();
    this.#next = this.#first;
    await this.#run('BEGIN');
  }

  #mayTouchOwn(): boolean {
    return this.#prepared?.holdsOwn !== true;
  }

  async #rows(
    kind: 'insert' | 'update' | 'delete' | 'failing-block',
    own: boolean,
    rows: number,
  ): Promise<void> {
    const table = own ? `own_${this.#number}` : 'shared';
    if (own) this.#touchedOwn = true;
    const from = this.#next;
    const insert = `INSERT INTO ${table} (id, v) SELECT i, ${VALUE} FROM generate_series(${from}, ${from + rows - 1}) i`;
    const range = `id BETWEEN ${Math.max(this.#first, from - rows)} AND ${from}`;
    switch (kind) {
      case 'insert':
        this.#next += rows;
        return this.#run(insert);
      case 'failing-block':
        this.#next += rows;
        return this.#run(
          `DO $$ BEGIN ${insert}; RAISE EXCEPTION 'undo'; EXCEPTION WHEN raise_exception THEN NULL; END $$`,
        );
      case 'update':
        return this.#run(`UPDATE ${table} SET v = v || 'y' WHERE ${range}`);
      case 'delete':
        return this.#run(
          `DELETE FROM ${table} t WHERE ${range} ${own ? `AND NOT EXISTS (SELECT FROM child_${this.#number} c WHERE c.id = t.id)` : ''}`,
        );
    }
  }

  async #change(kind: 'add-column' | 'drop-column' | 'truncate' | 'truncate-both'): Promise<void> {
    if (!this.#mayTouchOwn()) return;
    this.#touchedOwn = true;
    this.#isLocked = true;
    const n = this.#number;
    const id = this.#next++;
    switch (kind) {
      case 'add-column':
        return this.#run(
          `ALTER TABLE own_${n} ADD c${id} int DEFAULT ${id};
           INSERT INTO own_${n} (id, v) VALUES (${id}, 'added')`,
        );
      case 'drop-column':
        return this.#run(`DO $$ DECLARE c text; BEGIN
          SELECT attname INTO c FROM pg_attribute WHERE attrelid = 'own_${n}'::regclass AND attnum > 2 AND NOT attisdropped LIMIT 1;
          IF c IS NOT NULL THEN EXECUTE format('ALTER TABLE own_${n} DROP %I', c); END IF;
        END $$`);
      case 'truncate':
        return this.#run(
          `INSERT INTO own_${n} (id, v) VALUES (${id}, 'x'); INSERT INTO child_${n} VALUES (${id}, 'y');
           TRUNCATE child_${n}`,
        );
      case 'truncate-both':
        return this.#run(`TRUNCATE own_${n} CASCADE`);
    }
  }

  async #message(transactional: boolean, bytes: number): Promise<void> {
    if (transactional) await this.#open();
    const client = transactional ? this.#client : this.#control;
    await client.query('SELECT pg_logical_emit_message($1, $2, repeat($3, $4))', [
      transactional,
      'schedule',
      'm',
      bytes,
    ]);
  }

  async #prepare(): Promise<void> {
    if (!this.#isOpen || this.#prepared !== null) return;
    const gid = `w${this.#number}-${this.#first}`;
    await this.#run(`PREPARE TRANSACTION '${gid}'`);
    this.#closed();
    this.#prepared = { gid, holdsOwn: this.#touchedOwn, isLocked: this.#isLocked };
  }

  async #finishPrepared(commits: boolean): Promise<void> {
    const prepared = this.#prepared;
    if (prepared === null) return;
    this.#prepared = null;
    await this.#control.query(`${commits ? 'COMMIT' : 'ROLLBACK'} PREPARED '${prepared.gid}'`);
  }

  async #end(kind: 'commit' | 'rollback'): Promise<void> {
    if (!this.#isOpen) return;
    await this.#run(kind);
    this.#closed();
  }

  #closed(): void {
    this.#isOpen = false;
    this.#savepoints = [];
  }

  async #run(sql: string): Promise<void> {
    await this.#client.query(sql);
  }
}
