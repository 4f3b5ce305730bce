import type { TestDatabase } from '@certyo-cdc/testing';
import { Client } from 'pg';

const KEYS = 2_000;
const HOT_KEYS = 20;

export const HANDOVER_TABLES: readonly string[] = ['public.a', 'public.b', 'public.p'];

const WRITER = 'handover-writer';

/**
 * Every version of a row has a number that nothing else has, greater than that of the version before. A trigger writes down
 * which were committed.
 */
export const HANDOVER_SQL = `
  CREATE SEQUENCE revision;
  CREATE TABLE committed (name text, key text, rev bigint);
  CREATE TABLE a (id int PRIMARY KEY, rev bigint, v text, large text);
  ALTER TABLE a ALTER large SET STORAGE EXTERNAL;
  CREATE TABLE b (k text, id int, rev bigint, v text, PRIMARY KEY (k, id));
  ALTER TABLE b REPLICA IDENTITY FULL;
  CREATE TABLE p (id int PRIMARY KEY, rev bigint, v text) PARTITION BY RANGE (id);
  CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (MINVALUE) TO (1000);
  CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (1000) TO (MAXVALUE);
  INSERT INTO a SELECT i, 0, repeat('first ', 100), CASE WHEN i % 10 < 2 THEN repeat(md5(i::text), 80) END FROM generate_series(0, 1999) i;
  INSERT INTO b SELECT chr(97 + i % 3), i, 0, repeat('first ', 100) FROM generate_series(0, 1499) i;
  INSERT INTO p SELECT i, 0, repeat('first ', 100) FROM generate_series(250, 1749) i;
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
  CREATE TRIGGER note_it AFTER INSERT OR UPDATE ON p FOR EACH ROW EXECUTE FUNCTION note_it('p');`;

/** Takes the connections of a reader away: some of them, or all. */
export async function cutReader(database: TestDatabase, isAll: boolean): Promise<void> {
  await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> '${WRITER}'
        AND ($1 OR query LIKE 'COPY%' OR query LIKE '%COMMIT;%' OR backend_type = 'walsender')`,
    [isAll],
  );
}

/**
 * Writes until it is stopped: three that change rows, and one that writes tables anew.
 *
 * No table is written anew before the slot is whole: a slot that PostgreSQL makes meanwhile may never be able to give
 * anything ("could not map filenumber to relation OID"), whoever reads from it.
 */
export class HandoverWriters {
  readonly #stop = new AbortController();
  #mayRewrite = false;
  readonly #work: Promise<unknown>;
  transactions = 0;
  rewrites = 0;

  constructor(database: TestDatabase, random: () => number) {
    const writers = [0, 1, 2].map(() =>
      this.#connected(database.url, async (client) => {
        await writeOnce(client, random, this.#mayRewrite);
        this.transactions += 1;
        await this.#pause(random() * 10);
      }),
    );
    const rewriter = this.#connected(database.url, async (client) => {
      await this.#pause(200 + random() * 400);
      this.#mayRewrite ||= await hasSlot(client);
      if (this.#mayRewrite && (await rewriteOnce(client, random))) this.rewrites += 1;
    });
    this.#work = Promise.all([...writers, rewriter]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }

  async #connected(url: string, work: (client: Client) => Promise<void>): Promise<void> {
    const client = new Client({ connectionString: url, application_name: WRITER });
    client.on('error', () => undefined);
    await client.connect();
    try {
      while (!this.#stop.signal.aborted) await work(client);
    } finally {
      await client.end();
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stop.signal.aborted) return;
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

/** Who was in the way, or wrote a key that is there. */
const EXPECTED: ReadonlySet<unknown> = new Set(['40P01', '23505', '55P03']);

/** Has the name of its database. */
async function hasSlot(client: Client): Promise<boolean> {
  const { rows } = await client.query(
    'SELECT 1 FROM pg_replication_slots WHERE slot_name = current_database() AND confirmed_flush_lsn IS NOT NULL',
  );
  return rows.length > 0;
}

async function writeOnce(client: Client, random: () => number, mayRewrite: boolean): Promise<void> {
  const any = (n: number): number => Math.floor(random() * n);
  const key = (): number => (random() < 0.3 ? any(HOT_KEYS) * 97 : any(KEYS));
  await client.query('BEGIN');
  try {
    if (random() < 0.03) {
      // One that the server streams, where it may, before it is committed.
      const from = any(KEYS - 300);
      await client.query(
        'SELECT pg_advisory_xact_lock(i) FROM generate_series($1::int, $1::int + 299) i',
        [from],
      );
      const table = random() < 0.5 ? 'a' : 'p';
      await client.query(`UPDATE ${table} SET v = repeat('w', 300) WHERE id BETWEEN $1 AND $2`, [
        from,
        from + 299,
      ]);
    } else {
      const ids = Array.from({ length: 1 + any(8) }, key).sort((left, right) => left - right);
      // Two versions of one row are numbered in the order in which they are committed.
      await client.query('SELECT pg_advisory_xact_lock(i) FROM unnest($1::int[]) i', [ids]);
      for (const id of ids) await client.query(statement(random, id, mayRewrite));
    }
    if (random() < 0.1) await new Promise((resolve) => setTimeout(resolve, 50 * random()));
    await client.query(random() < 0.1 ? 'ROLLBACK' : 'COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    if (!EXPECTED.has((error as { readonly code?: string }).code)) throw error;
  }
}

function statement(random: () => number, id: number, mayRewrite: boolean): string {
  const table = ['a', 'b', 'p'][Math.floor(random() * 3)] ?? 'a';
  const k = 'abc'[id % 3] ?? 'a';
  const where = table === 'b' ? `k = '${k}' AND id = ${id}` : `id = ${id}`;
  const kind = random();
  if (kind < 0.4) {
    const large = table === 'a' && kind < 0.04 ? ', large = repeat(md5(random()::text), 80)' : '';
    return `UPDATE ${table} SET v = 'v${Math.floor(random() * 1e6)}'${large} WHERE ${where}`;
  }
  if (kind < 0.6) return `DELETE FROM ${table} WHERE ${where}`;
  if (kind < 0.65 && table === 'b')
    return `UPDATE b SET k = k || 'x' WHERE ${where} AND k NOT LIKE '%x'`;
  if (kind < 0.6504 && mayRewrite) return `SET LOCAL lock_timeout = '200ms'; TRUNCATE ${table}`;
  const columns = table === 'b' ? `'${k}', ${id}` : String(id);
  const conflict = table === 'b' ? 'k, id' : 'id';
  return `INSERT INTO ${table} VALUES (${columns}, 0, 'n') ON CONFLICT (${conflict}) DO UPDATE SET v = 'again'`;
}

const REWRITES = [
  'VACUUM FULL a',
  'VACUUM FULL p1',
  'CLUSTER b USING b_pkey',
  'VACUUM a, b, p',
  'ALTER TABLE a ADD COLUMN more int; ALTER TABLE a DROP COLUMN more',
  'ALTER TABLE p ALTER v TYPE varchar(2000); ALTER TABLE p ALTER v TYPE text',
];

async function rewriteOnce(client: Client, random: () => number): Promise<boolean> {
  const sql = REWRITES[Math.floor(random() * REWRITES.length)] ?? 'SELECT 1';
  await client.query(`SET lock_timeout = '200ms'`);
  try {
    for (const one of sql.split(';')) await client.query(one);
    return true;
  } catch (error) {
    await client.query('ALTER TABLE a DROP COLUMN IF EXISTS more').catch(() => undefined);
    if (!EXPECTED.has((error as { readonly code?: string }).code)) throw error;
    return false;
  }
}
