import type { HistoryTable } from '@certyo-cdc/testing';
import type { Client } from 'pg';

/** The tables that campaigns write to. */
export const CAMPAIGN_TABLES: readonly HistoryTable[] = [
  { schema: 'public', name: 'account', key: ['id'] },
  { schema: 'public', name: 'entry', key: ['account', 'code'] },
];

/** A table whose records are deleted by a mark; only for sources that read rows as they are. */
const MEMBER: HistoryTable = { schema: 'public', name: 'member', key: ['id'] };

/** The column that marks a record as deleted, by collection. */
export const SOFT_DELETES: Readonly<Record<string, string>> = { 'public.member': 'deleted_at' };

/** The tables of a campaign whose source reads rows as they are. */
export const LATEST_STATE_TABLES: readonly HistoryTable[] = [...CAMPAIGN_TABLES, MEMBER];

export const MEMBER_SQL = `CREATE TABLE member (id int PRIMARY KEY, name text NOT NULL, deleted_at timestamptz)`;

/** Collections whose deletes show the whole old row in replication. */
export const FULL_ROWS: ReadonlySet<string> = new Set(['public.entry']);

export const CAMPAIGN_SCHEMA_SQL = `
  CREATE TABLE account (id int PRIMARY KEY, balance numeric NOT NULL, note text, at timestamptz NOT NULL DEFAULT clock_timestamp());
  CREATE TABLE entry (account int, code text, amount bigint, tags jsonb, PRIMARY KEY (account, code));
  ALTER TABLE entry REPLICA IDENTITY FULL;`;

const RECORDS = 30;

/** What a writer does beside the usual. */
interface WriterOptions {
  /** Also writes to the table whose records are deleted by a mark. */
  readonly softDeletes: boolean;
}

/**
 * One random transaction over few records, so that they are changed again and again: inserts, updates, deletes, changes
 * of keys, savepoints, several tables, and a rollback now and then whose changes must never be seen.
 */
async function writeOnce(
  client: Client,
  random: () => number,
  options: WriterOptions,
): Promise<void> {
  const any = (n: number): number => Math.floor(random() * n);
  const steps = 1 + any(5);
  const rollsBack = random() < 0.1;
  // Records in ascending order, so that writers cannot deadlock.
  const ids = Array.from({ length: steps }, () => any(RECORDS)).sort((a, b) => a - b);
  await client.query('BEGIN');
  try {
    for (const id of ids) {
      const note = rollsBack ? 'ghost' : `n${any(1000)}`;
      const kind = random();
      if (options.softDeletes && random() < 0.3) await writeMember(client, random, id, note);
      if (kind < 0.35) {
        await client.query(
          'INSERT INTO account VALUES ($1, 1.50, $2) ON CONFLICT (id) DO UPDATE SET balance = account.balance + 1.50, note = $2',
          [id, note],
        );
      } else if (kind < 0.6) {
        await client.query(
          `INSERT INTO entry VALUES ($1, $2, $3, $4) ON CONFLICT (account, code) DO UPDATE SET amount = entry.amount + 9007199254740993`,
          [id, `c${any(3)}`, '9007199254740993', JSON.stringify({ note, list: [1, null] })],
        );
      } else if (kind < 0.75) {
        await client.query('UPDATE account SET balance = balance * 1.1, note = $2 WHERE id = $1', [
          id,
          note,
        ]);
      } else if (kind < 0.85) {
        await client.query('DELETE FROM account WHERE id = $1', [id]);
      } else if (kind < 0.92) {
        await client.query('SAVEPOINT half_way');
        await client.query('DELETE FROM entry WHERE account = $1', [id]);
        if (random() < 0.5) await client.query('ROLLBACK TO SAVEPOINT half_way');
      } else if (kind < 0.96) {
        // Changes of key, to ones that nobody else uses. The old rows of this table are sent whole.
        await client.query('UPDATE entry SET account = $2 WHERE account = $1', [
          id,
          1_000_000 + any(1e9),
        ]);
      } else {
        await client.query('UPDATE account SET id = $2 WHERE id = $1', [id, 1_000_000 + any(1e9)]);
      }
    }
    await client.query(rollsBack ? 'ROLLBACK' : 'COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    // Two writers inserting the same new record may fail; that transaction simply did not happen.
    const { code } = error as { readonly code?: string };
    if (code !== '23505' && code !== '40P01') throw error;
  }
}

/** A record that is marked as deleted, and comes back, or is purged. */
async function writeMember(
  client: Client,
  random: () => number,
  id: number,
  name: string,
): Promise<void> {
  const kind = random();
  await (kind < 0.6
    ? client.query(
        'INSERT INTO member VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = $2, deleted_at = NULL',
        [id, name],
      )
    : client.query(
        kind < 0.9
          ? 'UPDATE member SET deleted_at = clock_timestamp() WHERE id = $1'
          : 'DELETE FROM member WHERE id = $1',
        [id],
      ));
}

/** Writes until stopped. A lost connection is made again by `connect`. */
export async function writeUntil(
  connect: () => Promise<Client>,
  random: () => number,
  options: WriterOptions,
  isStopped: () => boolean,
): Promise<void> {
  let client: Client | null = null;
  while (!isStopped()) {
    try {
      client ??= await connect();
      await writeOnce(client, random, options);
      await new Promise((resolve) => setTimeout(resolve, 5 + random() * 20));
    } catch {
      // The server was killed: whatever was not committed did not happen.
      await client?.end().catch(() => undefined);
      client = null;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  await client?.end().catch(() => undefined);
}
