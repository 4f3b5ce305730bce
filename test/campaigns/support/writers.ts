import type { HistoryTable } from '@certyo-cdc/testing';
import type { Client } from 'pg';

/** The tables that campaigns write to. */
export const CAMPAIGN_TABLES: readonly HistoryTable[] = [
  { schema: 'public', name: 'account', key: ['id'] },
  { schema: 'public', name: 'entry', key: ['account', 'code'] },
];

/** Collections whose deletes show the whole old row. */
export const FULL_ROWS: ReadonlySet<string> = new Set(['public.entry']);

export const CAMPAIGN_SCHEMA_SQL = `
  CREATE TABLE account (id int PRIMARY KEY, balance numeric NOT NULL, note text, at timestamptz NOT NULL DEFAULT clock_timestamp());
  CREATE TABLE entry (account int, code text, amount bigint, tags jsonb, PRIMARY KEY (account, code));
  ALTER TABLE entry REPLICA IDENTITY FULL;`;

const RECORDS = 30;

/**
 * One random transaction over few records, so that they are changed again and again: inserts, updates, deletes, changes
 * of keys, savepoints, several tables, and a rollback now and then whose changes must never be seen.
 */
export async function writeOnce(client: Client, random: () => number): Promise<void> {
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

/** Writes until stopped. A lost connection is made again by `connect`. */
export async function writeUntil(
  connect: () => Promise<Client>,
  random: () => number,
  isStopped: () => boolean,
): Promise<void> {
  let client: Client | null = null;
  while (!isStopped()) {
    try {
      client ??= await connect();
      await writeOnce(client, random);
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
