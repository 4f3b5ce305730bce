import type { TestDatabase } from '@certyo-cdc/testing';

/** The table of the standard workload. */
export const BENCH_TABLE = 'public.bench_rows';

/** How many rows in how many transactions. */
export interface BenchSize {
  readonly rows: number;
  readonly transactions: number;
}

export const FULL_SIZE: BenchSize = { rows: 500_000, transactions: 500 };
export const QUICK_SIZE: BenchSize = { rows: 50_000, transactions: 50 };

/** Makes the table. */
export async function createBenchRows(database: Pick<TestDatabase, 'query'>): Promise<void> {
  await database.query(`CREATE TABLE ${BENCH_TABLE} (
    id bigserial PRIMARY KEY, name text NOT NULL, email text NOT NULL, amount numeric(12,2) NOT NULL, quantity int NOT NULL,
    active bool NOT NULL, attributes jsonb NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL
  )`);
}

/** What a row holds, of its number `i`: about 200 bytes as text, each row other ones, some of them not ASCII. */
export const BENCH_VALUES = `
  CASE WHEN i % 8 = 0 THEN 'Zoë Müller-顧客 ' ELSE 'Customer of the shop ' END || i,
  'customer.' || i || '@example-' || i % 97 || '.test',
  (i::bigint * 7919 % 1000000000) / 100.0,
  i % 1000,
  i % 3 = 0,
  jsonb_build_object('tier', (ARRAY['gold', 'silver', 'bronze'])[1 + i % 3], 'score', i % 1000 / 8.0, 'tags', jsonb_build_array('a' || i % 7, 'b"' || i % 5)),
  timestamptz '2026-01-01 00:00:00.123456+00' + i * interval '1.000001 second',
  timestamptz '2026-02-01 12:30:00.5+00' + i * interval '7.25 seconds'`;

/** The columns that `BENCH_VALUES` gives. */
export const BENCH_COLUMNS =
  'name, email, amount, quantity, active, attributes, created_at, updated_at';

/** Writes the rows, each transaction as many as the others, inside the server. */
export async function insertBenchRows(
  database: Pick<TestDatabase, 'query'>,
  { rows, transactions }: BenchSize,
): Promise<void> {
  const each = Math.ceil(rows / transactions);
  await database.query(`DO $$ BEGIN
    FOR n IN 0..${transactions - 1} LOOP
      INSERT INTO ${BENCH_TABLE} (${BENCH_COLUMNS}) SELECT ${BENCH_VALUES}
        FROM generate_series(n * ${each} + 1, least((n + 1) * ${each}, ${rows})) i;
      COMMIT;
    END LOOP;
  END $$`);
}
