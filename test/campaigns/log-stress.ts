import { setTimeout as sleep } from 'node:timers/promises';
import { resolveConnection, sqlSession } from '@certyo-cdc/postgres';
import { startPostgres } from '@certyo-cdc/testing';
import type { Client } from 'pg';
import type { Campaign, CampaignOptions, CampaignResult } from './runner/campaign.ts';
import { seededRandom } from './runner/each-run.ts';
import { compare, type Verdict } from './schedules/compare.ts';
import { type LogReader, type LogReading, openLogReader } from './schedules/log-reader.ts';
import { LOG_SCHEMA_SQL, logWriteSql } from './schedules/log-target.ts';
import type { Observed } from './schedules/run-schedule.ts';

const WRITERS = 8;
const ROWS = 20;
/** 20,000 in a minute. */
const EVENTS_PER_SECOND = 334;
const READINGS = 3;

/** Readings and what was wrong with what they gave. */
export interface StressResult {
  readonly events: number;
  readonly rollbacks: number;
  readonly verdicts: Readonly<Record<LogReading, Verdict>>;
}

/** Writers that overlap, for a time; all readings read what they write. */
export async function runLogStress(options: {
  readonly seed: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}): Promise<StressResult> {
  const { seed, seconds, signal } = options;
  await using server = await startPostgres({ major: 18 });
  await using database = await server.createDatabase();
  await database.query(LOG_SCHEMA_SQL);
  await database.query(`INSERT INTO item SELECT g, 0 FROM generate_series(1, ${String(ROWS)}) g`);
  const minEvents = seconds * EVENTS_PER_SECOND;
  const deadline = Date.now() + seconds * 1000;
  let events = 0;
  let rollbacks = 0;
  let areWriting = true;
  const isOver = (): boolean =>
    signal.aborted || (Date.now() > deadline && (events >= minEvents || Date.now() > deadline * 2));

  const readAll = async (reading: LogReading): Promise<Verdict> => {
    const session = sqlSession(resolveConnection(database.url, {}));
    const random = seededRandom(seed ^ 0x5f5f);
    try {
      const reader = await openLogReader(session, reading, () => 1 + Math.floor(random() * 300));
      opened.push(reader);
      const observed: Observed[] = [];
      for (;;) {
        const wereWriting = areWriting;
        const { rows, isDone } = await reader.read();
        observed.push(...rows);
        if (!wereWriting && isDone) break;
        if (random() < 0.01) reader.restart();
        await sleep(random() * 5);
        signal.throwIfAborted();
      }
      const committed = await database.query<Observed>(
        'SELECT key::int AS key, version, operation FROM log ORDER BY sequence',
      );
      return compare({ committed, observed, early: [] });
    } finally {
      await session.close();
    }
  };
  const opened: LogReader[] = [];
  const write = async (writer: number): Promise<void> => {
    const client = await database.client();
    const random = seededRandom(seed + writer * 7919);
    while (opened.length < READINGS && !signal.aborted) await sleep(5);
    while (!isOver()) {
      const kept = await writeOnce(client, random);
      events += kept;
      if (kept === 0) rollbacks += 1;
    }
  };
  const [fenced, sequence, xid] = await Promise.all([
    readAll('fenced'),
    readAll('sequence-after-cursor'),
    readAll('xid-below-horizon'),
    Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer))).finally(() => {
      areWriting = false;
    }),
  ]);
  return {
    events,
    rollbacks,
    verdicts: {
      fenced,
      'sequence-after-cursor': sequence,
      'xid-below-horizon': xid,
    },
  };
}

/** A transaction of a few writes; gives how many were committed. */
async function writeOnce(client: Client, random: () => number): Promise<number> {
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
    await client.query(logWriteSql({ key, version: 0, operation: 'update' }));
    if (isUndone) await client.query('ROLLBACK TO s');
    else kept += 1;
  }
  const commits = random() < 0.8;
  await client.query(commits ? 'COMMIT' : 'ROLLBACK');
  return commits ? kept : 0;
}

async function run({ seed, runs, signal, onProgress }: CampaignOptions): Promise<CampaignResult> {
  const { events, rollbacks, verdicts } = await runLogStress({ seed, seconds: runs, signal });
  const counters = {
    events,
    rollbacks,
    ...verdicts.fenced,
    'lost by sequence > cursor': verdicts['sequence-after-cursor'].lost,
    'reordered by xid': verdicts['xid-below-horizon'].reordered,
  };
  const wrong = Object.entries(verdicts.fenced).filter(([, count]) => count > 0);
  const messages = wrong.map(([name, count]) => `${String(count)} ${name}`);
  if (events < runs * EVENTS_PER_SECOND) messages.push(`only ${String(events)} events`);
  const failures = messages.map((message) => ({ run: 0, message }));
  const result = { runs, failures, counters };
  onProgress(result);
  return result;
}

export const campaign: Campaign = {
  name: 'log-stress',
  description:
    '8 writers with rollbacks for 60 seconds, at least 20,000 events: a log in sequence order loses and reorders nothing.',
  runs: 60,
  run,
};
