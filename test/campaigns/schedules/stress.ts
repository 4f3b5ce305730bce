import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, type TestDatabase } from '@certyo-cdc/testing';
import type { Client } from 'pg';
import type { CampaignOptions, CampaignResult } from '../runner/campaign.ts';
import { seededRandom } from '../runner/each-run.ts';
import { compare, type Verdict } from './compare.ts';
import type { Observed } from './run-schedule.ts';
import type { Version, Write } from './schedule.ts';

const WRITERS = 8;
const ROWS = 20;
/** 20,000 in a minute. */
const EVENTS_PER_SECOND = 334;
/** How many times as long a busy machine may take for them. */
const PATIENCE = 10;

/** A way to read what is written. */
export interface StressReader {
  /** Gives what came. */
  read(): Promise<readonly Observed[]>;
  /** Dies, and goes on from the newest end. */
  restart(): Promise<void>;
  /** Nobody writes any more: reads all that is left. */
  finish(): Promise<readonly Observed[]>;
  /** What else was wrong with what it gave, by name. */
  verdict?(): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

/** What is written to, and how it is read. */
export interface StressTarget<Reading extends string> {
  /** Makes the tables, with rows of these keys in version 0. */
  begin(database: TestDatabase, keys: readonly number[]): Promise<void>;
  readonly readings: readonly Reading[];
  open(database: TestDatabase, reading: Reading, random: () => number): Promise<StressReader>;
  writeSql(write: Omit<Write, 'transaction'>): string;
  /** What was committed, per key in order of versions, when all has been written. */
  committed(database: TestDatabase): Promise<readonly Version[]>;
}

/** Readings and what was wrong with what they gave. */
export interface StressResult<Reading extends string> {
  readonly events: number;
  readonly rollbacks: number;
  readonly verdicts: Readonly<Record<Reading, Verdict>>;
}

/** Writers that overlap, for a time; all readings read what they write. */
export async function runStress<Reading extends string>(
  target: StressTarget<Reading>,
  options: { readonly seed: number; readonly seconds: number; readonly signal: AbortSignal },
): Promise<StressResult<Reading>> {
  const { seed, seconds, signal } = options;
  await using server = await startPostgres({ major: 18 });
  await using database = await server.createDatabase();
  await target.begin(
    database,
    Array.from({ length: ROWS }, (_, index) => index + 1),
  );
  const readers = await Promise.all(
    target.readings.map(async (reading) => {
      const random = seededRandom(seed ^ 0x5f5f);
      return { reading, random, reader: await target.open(database, reading, random) };
    }),
  );
  const minEvents = seconds * EVENTS_PER_SECOND;
  const startedAt = Date.now();
  let events = 0;
  let rollbacks = 0;
  let areWriting = true;
  const isOver = (): boolean => {
    const secondsPassed = (Date.now() - startedAt) / 1000;
    const isEnough = events >= minEvents || secondsPassed > seconds * PATIENCE;
    return signal.aborted || (secondsPassed > seconds && isEnough);
  };
  const readAll = async (reader: StressReader, random: () => number): Promise<Observed[]> => {
    const observed: Observed[] = [];
    while (areWriting) {
      signal.throwIfAborted();
      observed.push(...(await reader.read()));
      if (random() < 0.01) await reader.restart();
      await sleep(random() * 5);
    }
    observed.push(...(await reader.finish()));
    return observed;
  };
  const write = async (writer: number): Promise<void> => {
    const client = await database.client();
    const random = seededRandom(seed + writer * 7919);
    while (!isOver()) {
      const kept = await writeOnce(client, random, target);
      events += kept;
      if (kept === 0) rollbacks += 1;
    }
  };
  try {
    const [observed] = await Promise.all([
      Promise.all(readers.map(({ reader, random }) => readAll(reader, random))),
      Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer))).finally(() => {
        areWriting = false;
      }),
    ]);
    const committed = await target.committed(database);
    const verdicts = await Promise.all(
      readers.map(async ({ reading, reader }, index) => {
        const verdict = compare({ committed, observed: observed[index] ?? [], early: [] });
        return [reading, { ...verdict, ...(await reader.verdict?.()) }] as const;
      }),
    );
    return {
      events,
      rollbacks,
      verdicts: Object.fromEntries(verdicts) as Record<Reading, Verdict>,
    };
  } finally {
    await Promise.all(readers.map(({ reader }) => reader.close()));
  }
}

/** A transaction of a few writes; gives how many were committed. */
async function writeOnce(
  client: Client,
  random: () => number,
  { writeSql }: Pick<StressTarget<string>, 'writeSql'>,
): Promise<number> {
  const any = (n: number): number => Math.floor(random() * n);
  // In ascending order, so that writers cannot deadlock.
  const keys = Array.from({ length: 1 + any(4) }, () => 1 + any(ROWS)).sort((a, b) => a - b);
  let kept = 0;
  await client.query('BEGIN');
  if (random() < 0.3) await client.query('SELECT pg_catalog.txid_current()');
  for (const key of keys) {
    const isUndone = random() < 0.1;
    if (isUndone) await client.query('SAVEPOINT s');
    if (random() < 0.3) await sleep(random() * 3);
    await client.query(writeSql({ key, version: 0, operation: 'update' }));
    if (isUndone) await client.query('ROLLBACK TO s');
    else kept += 1;
  }
  const commits = random() < 0.8;
  await client.query(commits ? 'COMMIT' : 'ROLLBACK');
  return commits ? kept : 0;
}

/** The result of a campaign of so many seconds, of which one reading has to be without a fault. */
export function stressResult<Reading extends string>(
  { runs, onProgress }: CampaignOptions,
  { events, rollbacks, verdicts }: StressResult<Reading>,
  faultless: Reading,
  more: Readonly<Record<string, number>> = {},
): CampaignResult {
  const wrong = Object.entries(verdicts[faultless]).filter(([, count]) => count > 0);
  const messages = wrong.map(([name, count]) => `${String(count)} ${name}`);
  if (events < runs * EVENTS_PER_SECOND) messages.push(`only ${String(events)} events`);
  const failures = messages.map((message) => ({ run: 0, message }));
  const counters = { events, rollbacks, ...verdicts[faultless], ...more };
  const result = { runs, failures, counters };
  onProgress(result);
  return result;
}
