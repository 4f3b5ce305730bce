import type { TestDatabase } from '@certyo-cdc/testing';
import { BENCH_TABLE, createBenchRows, insertBenchRows } from '../../support/bench-rows.ts';
import type { GrowthPoint } from './growth-point.ts';

const TRANSACTION_ROWS = 1_000;
const CHUNK_ROWS = 200_000;

/** Until nothing gets any cheaper: behind 100,000 rows an event still cost a quarter more than behind 600,000. */
const WARM_UP_ROWS = 600_000;
/** What takes less is measured again and again: one collection of garbage more or less would be a tenth of it. */
const LEAST_ROWS = 200_000;

/** So many events, one after the other: rows of the standard workload. Few of them are found at once, so many at a time, several times. */
export function eventsPoint(events: number, isQuick: boolean): GrowthPoint {
  const write = (database: TestDatabase, rows: number): Promise<void> =>
    insertBenchRows(database, { rows, transactions: Math.ceil(rows / TRANSACTION_ROWS) });
  return {
    x: events,
    tables: [BENCH_TABLE],
    create: createBenchRows,
    warmUp: (database) => write(database, isQuick ? 5_000 : WARM_UP_ROWS),
    write,
    rows: isQuick ? events : Math.max(events, LEAST_ROWS),
    chunkRows: Math.min(events, CHUNK_ROWS),
  };
}

/** As many events over so many tables, in turn. */
export function tablesPoint(tables: number, isQuick: boolean): GrowthPoint {
  const rows = isQuick ? 5_000 : 200_000;
  return {
    x: tables,
    tables: Array.from({ length: tables }, (_, index) => `public.t${index}`),
    create: async (database) => {
      // By parts, because a transaction holds a lock for each table that it makes.
      await database.query(`DO $$ BEGIN
        FOR n IN 0..${tables - 1} LOOP
          EXECUTE format('CREATE TABLE t%s (id bigserial PRIMARY KEY, name text, quantity int, updated_at timestamptz)', n);
          IF n % 100 = 99 THEN COMMIT; END IF;
        END LOOP;
      END $$`);
    },
    // Every table once, at least.
    warmUp: (database) =>
      writeInTurn(database, tables, Math.max(tables, isQuick ? 5_000 : 200_000)),
    write: (database, count) => writeInTurn(database, tables, count),
    rows,
    chunkRows: 50_000,
  };
}

async function writeInTurn(database: TestDatabase, tables: number, rows: number): Promise<void> {
  await database.query(`DO $$ BEGIN
    FOR i IN 0..${rows - 1} LOOP
      EXECUTE format('INSERT INTO t%s (name, quantity, updated_at) VALUES (''Customer %s'', %s, now())', i % ${tables}, i, i % 1000);
      IF i % ${TRANSACTION_ROWS} = ${TRANSACTION_ROWS - 1} THEN COMMIT; END IF;
    END LOOP;
  END $$`);
}

/** Rows of which one column is so long, not compressed. */
export function bytesPoint(bytes: number, isQuick: boolean): GrowthPoint {
  const rows = isQuick
    ? clamp(2_000_000 / bytes, 3, 5_000)
    : clamp(100_000_000 / bytes, 200, 100_000);
  const write = async (database: TestDatabase, count: number, size = bytes): Promise<void> => {
    await database.query(`DO $$ BEGIN
      FOR i IN 1..${count} LOOP
        INSERT INTO long (body) VALUES (left(repeat(md5(i::text), ${Math.ceil(size / 32)}), ${size}));
        IF i % ${clamp(1_000_000 / size, 1, TRANSACTION_ROWS)} = 0 THEN COMMIT; END IF;
      END LOOP;
    END $$`);
  };
  return {
    x: bytes,
    tables: ['public.long'],
    create: async (database) => {
      await database.query('CREATE TABLE long (id bigserial PRIMARY KEY, body text NOT NULL)');
      await database.query('ALTER TABLE long ALTER body SET STORAGE EXTERNAL');
    },
    warmUp: async (database) => {
      await write(database, isQuick ? 2_000 : 50_000, 100);
      await write(database, clamp(rows / 5, 1, 5_000));
    },
    write,
    rows,
    chunkRows: clamp(50_000_000 / bytes, 50, 100_000),
  };
}

/** Rows of so many columns, every other one a number. */
export function columnsPoint(columns: number, isQuick: boolean): GrowthPoint {
  const rows = isQuick
    ? clamp(100_000 / columns, 100, 5_000)
    : clamp(10_000_000 / columns, 10_000, 100_000);
  const others = Array.from({ length: columns - 1 }, (_, index) => index + 1);
  const names = others.map((n) => `c${n}`).join(', ');
  const values = others.map((n) => (n % 2 === 0 ? `i + ${n}` : `'v' || i % 1000`)).join(', ');
  const write = async (database: TestDatabase, count: number): Promise<void> => {
    await database.query(`DO $$ BEGIN
      FOR n IN 0..${Math.ceil(count / 100) - 1} LOOP
        INSERT INTO wide (${names}) SELECT ${values} FROM generate_series(n * 100 + 1, least(n * 100 + 100, ${count})) i;
        COMMIT;
      END LOOP;
    END $$`);
  };
  return {
    x: columns,
    tables: ['public.wide'],
    create: async (database) => {
      const list = others.map((n) => `c${n} ${n % 2 === 0 ? 'int' : 'text'}`).join(', ');
      await database.query(`CREATE TABLE wide (id bigserial PRIMARY KEY, ${list})`);
    },
    warmUp: (database) => write(database, clamp(rows / 4, 100, 50_000)),
    write,
    rows,
    chunkRows: clamp(2_000_000 / columns, 1_000, 100_000),
  };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, Math.round(value)));
}
