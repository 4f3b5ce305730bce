/** What writers do, over and over, until a moment; each returns the number of rows that it changed. */
export interface Workload {
  readonly name: string;
  readonly writers: number;
  /** Rows of one transaction. */
  readonly rows: number;
}

export const WORKLOADS: readonly Workload[] = [
  { name: 'single rows', writers: 1, rows: 1 },
  { name: 'single rows', writers: 16, rows: 1 },
  { name: 'bulk', writers: 1, rows: 1000 },
  { name: 'bulk', writers: 16, rows: 1000 },
];

/** Rows of a business table that each writer has to itself: writers wait for the log only, not for each other. */
export const ROWS_PER_WRITER = 1000;

/**
 * The writers run inside the server, so that the time is the server's and not the client's: what triggers cost looks as
 * large as it can.
 */
export const SETUP: readonly string[] = [
  `CREATE TABLE orders (
  id int PRIMARY KEY, customer text NOT NULL, amount numeric(12,2) NOT NULL, status text NOT NULL, paid boolean NOT NULL,
  created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, items int NOT NULL, note text, country char(2) NOT NULL
) WITH (fillfactor = 70)`,
  `INSERT INTO orders SELECT i, 'Customer ' || i, i, 'open', false, now(), now(), i % 7, repeat('n', i % 90), 'de'
     FROM generate_series(0, ${16 * ROWS_PER_WRITER - 1}) i`,
  `CREATE PROCEDURE work(writer int, n int, until timestamptz, INOUT done int) LANGUAGE plpgsql AS $$
DECLARE first int := writer * ${ROWS_PER_WRITER}; at int := 0;
BEGIN
  WHILE clock_timestamp() < until LOOP
    UPDATE orders SET amount = amount + 1, status = CASE status WHEN 'open' THEN 'paid' ELSE 'open' END, updated_at = clock_timestamp()
     WHERE id >= first + at AND id < first + at + n;
    COMMIT;
    done := done + n;
    at := (at + n) % ${ROWS_PER_WRITER};
  END LOOP;
END $$`,
];
