import { hash } from 'node:crypto';

import { canonicalJson, type JsonValue, type Receipt } from '@certyo-cdc/core';
import { testDatabase } from '@certyo-cdc/testing/vitest';

import {
  type PostgresReceiptStore,
  postgresReceiptStore,
} from '../receipts/postgres-receipt-store.ts';
import { createWriteBack, type WriteBack } from '../write-back/create-write-back.ts';
import type { WriteBackOptions } from '../write-back/options.ts';

const { signal } = new AbortController();

/** A row as a test gives its receipt. */
export interface AnchoredRow {
  readonly recordId: string;
  readonly payload: { readonly [name: string]: JsonValue };
  readonly version?: string;
  readonly state?: 'anchored' | 'failed' | 'pending';
  readonly key?: readonly string[];
  readonly more?: Partial<Receipt>;
}

/** A database with a ledger and a table `public.items`. */
export interface WrittenBack extends AsyncDisposable {
  readonly database: Awaited<ReturnType<typeof testDatabase>>;
  readonly receipts: PostgresReceiptStore;
  /** With `setup()` done. */
  make(options?: Partial<WriteBackOptions>): Promise<WriteBack>;
  /** Stores receipts of rows and what became of them. */
  store(rows: readonly AnchoredRow[]): Promise<void>;
  /** Puts everything that is finished into the queue. */
  queue(writeBack: WriteBack): Promise<number>;
  /** The status columns by id. */
  statuses(): Promise<Readonly<Record<string, string | null>>>;
}

/** @param sql Makes the table `public.items`. */
export async function writtenBack(
  sql: string = 'CREATE TABLE public.items (id int PRIMARY KEY, note text)',
): Promise<WrittenBack> {
  const database = await testDatabase();
  await database.query(sql);
  await database.query('ALTER TABLE public.items REPLICA IDENTITY FULL');
  const receipts = postgresReceiptStore({ connection: database.url });
  await receipts.setup({ signal });
  const made: WriteBack[] = [];
  return {
    database,
    receipts,
    async make(options = {}) {
      const writeBack = createWriteBack({
        receipts,
        connection: database.url,
        ...(options.into === 'side-table'
          ? {}
          : { into: 'both', tables: ['public.items'], source: 'replication' }),
        lockTimeoutMs: 100,
        intervalMs: 10,
        sweepIntervalMs: false,
        ...options,
      });
      made.push(writeBack);
      await writeBack.setup({ signal });
      return writeBack;
    },
    async store(rows) {
      await receipts.store(
        rows.map((row) => toReceipt(row, database.database)),
        { signal },
      );
      for (const { recordId, state = 'anchored', version } of rows) {
        await database.query(
          `UPDATE certyo.receipts SET state = $1, anchored_at = CASE $1 WHEN 'anchored' THEN now() END
           WHERE record_id = $2 AND record_version = $3`,
          [state, recordId, version ?? '1'],
        );
      }
    },
    queue: (writeBack) => writeBack.redrive({ since: new Date(0), signal }),
    async statuses() {
      const rows = await database.query<{ id: string; status: string | null }>(
        'SELECT id::text AS id, certyo_anchor_status AS status FROM public.items ORDER BY id',
      );
      return Object.fromEntries(rows.map(({ id, status }) => [id, status]));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(made.map((each) => each.stop()));
      await receipts.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

function toReceipt(
  { key = ['id'], more, payload, recordId, version = '1' }: AnchoredRow,
  database: string,
): Receipt {
  return {
    database,
    collection: 'public.items',
    recordId,
    recordVersion: version,
    eventId: `${recordId} ${version}`,
    operationType: 'insert',
    payloadFingerprint: hash('sha256', canonicalJson(payload), 'hex'),
    recordHash: `hash of ${recordId} ${version}`,
    acceptedAt: new Date().toISOString(),
    replayed: false,
    table: {
      schema: 'public',
      name: 'items',
      columns: Object.keys(payload).map((name) => ({
        name,
        type: 'text',
        isKey: key.includes(name),
      })),
      fingerprint: hash('sha256', Object.keys(payload).join(), 'hex'),
    },
    ...more,
  };
}
