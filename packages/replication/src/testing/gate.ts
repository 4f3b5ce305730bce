import type { TestDatabase } from '@certyo-cdc/testing';
import { expect } from 'vitest';

const KEY = 4711;

/** A condition for the rows of a backfill under which a chunk, its snapshot taken, waits at the gate. */
export const GATED: string = `(SELECT pg_catalog.count(*) FROM pg_catalog.pg_advisory_xact_lock_shared(${KEY})) = 1`;

export interface Gate extends AsyncDisposable {
  /** Resolves when a chunk waits. */
  reached(): Promise<void>;
  /** Lets it go on, and all that follow. */
  open(): Promise<void>;
}

/** Keeps chunks from being read until it is opened. */
export async function gate(db: TestDatabase): Promise<Gate> {
  const keeper = await db.client();
  await keeper.query('SELECT pg_advisory_lock($1)', [KEY]);
  const open = async (): Promise<void> => {
    await keeper.query('SELECT pg_advisory_unlock_all()');
  };
  return {
    reached: async () => {
      await expect
        .poll(() =>
          db.query(
            `SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()`,
          ),
        )
        .toHaveLength(1);
    },
    open,
    [Symbol.asyncDispose]: open,
  };
}
