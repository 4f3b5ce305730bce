import { parseArgs } from 'node:util';

import { listenNotifySource } from '@certyo-cdc/listen-notify';
import { startPostgres, type TestDatabase } from '@certyo-cdc/testing';
import { ROWS_PER_WRITER, SETUP, type Workload, WORKLOADS } from './workloads.ts';

/** Ways to capture, each in a database of its own. */
const VARIANTS = [
  { name: 'none', doorbell: null, reads: false },
  { name: 'log, nobody reads', doorbell: false, reads: false },
  { name: 'doorbell armed', doorbell: 'armed', reads: true },
  { name: 'doorbell always', doorbell: 'always', reads: true },
  { name: 'doorbell false', doorbell: false, reads: true },
] as const;

type Variant = (typeof VARIANTS)[number];

/** Like a server in production, as far as writing goes: everything reaches the disk. */
const SETTINGS = {
  fsync: true,
  full_page_writes: true,
  synchronous_commit: true,
  autovacuum: true,
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  wal_level: 'replica',
};

interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

interface Cost {
  readonly workload: string;
  readonly writers: number;
  readonly variant: string;
  readonly rowsPerSecond: Spread;
  /** Throughput without the trigger through that with it, of the same round: 1 costs nothing. */
  readonly ratio: Spread;
}

/** Measures what capture costs the writer: variants take turns in every round, so that all see the same machine. */
export async function writerCost(
  args: readonly string[],
  say: (line: string) => void,
): Promise<{ readonly major: number; readonly costs: readonly Cost[] }> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      major: { type: 'string', default: '18' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1' },
    },
  });
  const [major, rounds, seconds] = [values.major, values.rounds, values.seconds].map(Number);
  if (major === undefined || rounds === undefined || seconds === undefined)
    throw new TypeError('Expected numbers.');
  await using server = await startPostgres({ major, settings: SETTINGS, storage: 'disk' });
  const databases = new Map<Variant, TestDatabase>();
  for (const variant of VARIANTS) databases.set(variant, await prepare(variant, server));
  const costs: Cost[] = [];
  say(`PostgreSQL ${server.version}, fsync on, ${rounds} rounds of ${seconds} s each`);
  for (const workload of WORKLOADS) {
    const rates = new Map<Variant, number[]>(VARIANTS.map((variant) => [variant, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (let turn = 0; turn < VARIANTS.length; turn += 1) {
        const variant = VARIANTS[(turn + round) % VARIANTS.length];
        const database = variant === undefined ? undefined : databases.get(variant);
        if (variant === undefined || database === undefined) continue;
        rates.get(variant)?.push(await measure(variant, database, workload, seconds));
      }
    }
    for (const cost of summarize(workload, rates)) {
      costs.push(cost);
      say(line(cost));
    }
  }
  return { major, costs };
}

async function prepare(
  { doorbell }: Variant,
  server: { createDatabase(): Promise<TestDatabase> },
): Promise<TestDatabase> {
  const database = await server.createDatabase();
  for (const sql of SETUP) await database.query(sql);
  if (doorbell !== null) await sourceOf(database, doorbell).setup();
  return database;
}

function sourceOf(
  database: TestDatabase,
  doorbell: 'armed' | 'always' | false,
): ReturnType<typeof listenNotifySource> {
  return listenNotifySource({ connection: database.url, tables: ['public.orders'], doorbell });
}

/** Rows per second of all writers together. */
async function measure(
  variant: Variant,
  database: TestDatabase,
  { rows, writers }: Workload,
  seconds: number,
): Promise<number> {
  await database.query('VACUUM orders');
  if (variant.doorbell !== null && !variant.reads)
    await database.query('TRUNCATE certyo.change_log');
  await database.query('CHECKPOINT');
  await using _reader = await read(variant, database);
  const clients = await Promise.all(Array.from({ length: writers }, () => database.client()));
  const [{ until } = { until: '' }] = await database.query<{ until: string }>(
    'SELECT (clock_timestamp() + make_interval(secs => $1))::text AS until',
    [seconds],
  );
  const done = await Promise.all(
    clients.map(async (client, writer) => {
      const result = await client.query<{ done: number }>(
        `CALL work(${writer}, ${Math.min(rows, ROWS_PER_WRITER)}, '${until}', 0)`,
      );
      return result.rows[0]?.done ?? 0;
    }),
  );
  await Promise.all(clients.map((client) => client.end()));
  return done.reduce((sum, each) => sum + each, 0) / seconds;
}

/** Somebody who reads the log and acknowledges what he has read, from its beginning on. */
async function read(
  { doorbell, reads }: Variant,
  database: TestDatabase,
): Promise<AsyncDisposable> {
  if (!reads || doorbell === null) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const controller = new AbortController();
  await database.query('TRUNCATE certyo.change_log');
  const source = sourceOf(database, doorbell);
  const stream = await source.open({ after: null, signal: controller.signal });
  const reading = (async () => {
    for await (const batch of stream) {
      if (batch.end !== null) await stream.acknowledge(batch.end);
    }
  })().catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
  return {
    [Symbol.asyncDispose]: async () => {
      controller.abort(new Error('The measurement is over.'));
      await stream[Symbol.asyncDispose]();
      await reading;
    },
  };
}

function summarize(workload: Workload, rates: ReadonlyMap<Variant, readonly number[]>): Cost[] {
  const [none] = VARIANTS;
  const without = rates.get(none) ?? [];
  return VARIANTS.map((variant) => {
    const own = rates.get(variant) ?? [];
    return {
      workload: workload.name,
      writers: workload.writers,
      variant: variant.name,
      rowsPerSecond: spread(own, 0),
      ratio: spread(
        own.map((rate, round) => (without[round] ?? Number.NaN) / rate),
        2,
      ),
    };
  });
}

function spread(numbers: readonly number[], digits: number): Spread {
  const sorted = [...numbers].sort((left, right) => left - right);
  const at = (index: number): number => Number((sorted[index] ?? Number.NaN).toFixed(digits));
  return { median: at(Math.floor(sorted.length / 2)), least: at(0), most: at(sorted.length - 1) };
}

function line({ ratio, rowsPerSecond, variant, workload, writers }: Cost): string {
  const about = `${workload}, ${writers} writer${writers === 1 ? '' : 's'}`.padEnd(24);
  const rate = String(rowsPerSecond.median).padStart(8);
  return `${about}${variant.padEnd(20)}${rate} rows/s  ratio ${ratio.median.toFixed(2)} (${ratio.least.toFixed(2)} to ${ratio.most.toFixed(2)})`;
}
