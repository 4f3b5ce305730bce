import type { Checkpoint } from '@certyo-cdc/core';
import { replicationSource, type ReplicationSourceOptions } from '@certyo-cdc/replication';
import { type PostgresServer, startPostgres, type TestDatabase } from '@certyo-cdc/testing';
import type { Campaign } from './runner/campaign.ts';
import { eachRun, type RunContext } from './runner/each-run.ts';
import { HandoverReader } from './support/handover-reader.ts';
import {
  cutReader,
  HANDOVER_SQL,
  HANDOVER_TABLES,
  HandoverWriters,
} from './support/handover-rig.ts';
import { HandoverWitness, type ToldBatch } from './support/handover-witness.ts';

/** Lives of the reader in one run that end by a kill. */
const KILLS = 4;

/** In which ways rows come to the reader. */
const WAYS = ['ctid', 'keyset', 'backfill'] as const;

/**
 * How a life ends. `chunk`: killed behind a batch of copied rows, the end of a chunk or within one. `time`: killed at any
 * moment, also while the source is opened. `cut`: connections are lost behind a batch of copied rows, and it is killed later.
 */
const MOMENTS = ['chunk', 'time', 'chunk', 'cut'] as const;

/** A life that copies nothing any more is ended after that, from when it began to read. */
const LIFE_MS = 1_500;
/** Longer than it takes to begin. */
const START_MS = 30_000;
/** Longer than any run takes. */
const LAST_LIFE_MS = 180_000;

/**
 * Tables are copied while they are written, and the process of the reader is killed while it copies. Every life goes on with
 * what the last one had saved.
 */
export const campaign: Campaign = {
  name: 'handover',
  description: `From copy to stream under write load, with ${KILLS} kills (-9) inside the copy.`,
  runs: 200,
  run: async (options) => {
    await using server = await startPostgres({ major: 18 });
    return await eachRun(options, (context) => handover(server, context));
  },
};

async function handover(
  server: PostgresServer,
  { random, turn }: RunContext,
): Promise<Record<string, number>> {
  await using database = await server.createDatabase();
  await database.query(HANDOVER_SQL);
  const way = WAYS[turn % WAYS.length] ?? 'ctid';
  const chunkRows = 50 + Math.floor(random() * 600);
  const isStreaming = random() < 0.3;
  if (isStreaming) {
    await database.query(
      `ALTER DATABASE ${database.database} SET logical_decoding_work_mem = '64kB'`,
    );
  }
  const options: ReplicationSourceOptions = {
    connection: database.url,
    tables: HANDOVER_TABLES,
    slot: database.database,
    slotWaitMs: 20_000,
    reconnect: { minDelayMs: 10, maxDelayMs: 100 },
    maxBufferedBytes: 8_192,
    streaming: isStreaming,
    partitions: random() < 0.3 ? 'leaf' : 'root',
    ...(way === 'backfill' ? {} : { copy: { method: way, chunkRows, slotLockTimeoutMs: 60_000 } }),
  };
  const source = replicationSource(options);
  await source.setup();
  const writers = new HandoverWriters(database, random);
  const reading: Reading = { options, database, witness: new HandoverWitness(), random };
  const { witness } = reading;
  const counted = { atCopy: 0, inside: 0, cuts: 0 };
  try {
    let saved: Checkpoint | null = null;
    if (way === 'backfill') await source.backfill({ tables: HANDOVER_TABLES, chunkRows });
    for (let life = 0; life < KILLS; life++) {
      const moment = MOMENTS[(turn + life) % MOMENTS.length] ?? 'chunk';
      const ended = await live(reading, saved, moment);
      ({ saved } = ended);
      counted.cuts += moment === 'cut' ? 1 : 0;
      counted.atCopy += ended.isAtCopy ? 1 : 0;
      counted.inside += ended.isInside ? 1 : 0;
    }
    await writers.stop();
    await lastLife(reading, saved);
    await witness.compare(database);
  } finally {
    await writers.stop();
    await source.teardown({ state: true });
  }
  const { copied, events, examples, faults, repeated } = witness;
  if (examples.length > 0) {
    throw new Error(`${way}: ${JSON.stringify(faults)}: ${examples.join('; ')}`);
  }
  return {
    kills: KILLS,
    'kills behind copied rows': counted.atCopy,
    'kills inside chunks': counted.inside,
    cuts: counted.cuts,
    transactions: writers.transactions,
    rewrites: writers.rewrites,
    events,
    copied,
    repeated,
    ...faults,
    [way]: 1,
  };
}

interface Reading {
  readonly options: ReplicationSourceOptions;
  readonly database: TestDatabase;
  readonly witness: HandoverWitness;
  readonly random: () => number;
}

interface LifeEnd {
  readonly saved: Checkpoint | null;
  /** Killed behind a batch of copied rows. */
  readonly isAtCopy: boolean;
  /** The batch was not the last one of its chunk. */
  readonly isInside: boolean;
}

/** Reads for a while, saves now and then, and ends without a word. Gives what was saved. */
async function live(
  { database, options, random, witness }: Reading,
  after: Checkpoint | null,
  moment: (typeof MOMENTS)[number],
): Promise<LifeEnd> {
  let saved = after;
  let isDead = false;
  let isAtCopy = false;
  let isInside = false;
  // Copied batches that come before something happens.
  let left = 1 + Math.floor(random() * 5);
  // Behind a batch of a chunk that is not its last one.
  const isToBeInside = random() < 0.6;
  let toCut = moment === 'cut';
  let cutting: Promise<void> | undefined;
  const kill = (): void => {
    isDead = true;
    reader.kill();
  };
  const reader = await HandoverReader.start(options, after, (batch) => {
    witness.take(batch.events);
    if (isDead) return false;
    if (moment !== 'time' && isCopied(batch)) {
      left -= 1;
      if (left === 0 && toCut) {
        toCut = false;
        left = 1 + Math.floor(random() * 3);
        cutting = cutReader(database, random() < 0.5).catch(() => undefined);
      } else if (left <= 0 && !(isToBeInside && batch.checkpoint !== null)) {
        isAtCopy = true;
        isInside = batch.checkpoint === null;
        kill();
        return false;
      }
    }
    if (batch.checkpoint === null || random() < 0.5) return false;
    saved = batch.checkpoint;
    return true;
  });
  // Half of those at any time are killed while the source is opened.
  const atOnce = moment === 'time' && random() < 0.5;
  let timer = setTimeout(kill, atOnce ? 100 + random() * 500 : START_MS);
  const begun = reader.begun.then(() => {
    if (atOnce) return;
    clearTimeout(timer);
    if (!isDead) timer = setTimeout(kill, moment === 'time' ? random() * 300 : LIFE_MS);
  });
  try {
    await reader.closed;
  } finally {
    await begun;
    clearTimeout(timer);
    await cutting;
  }
  return { saved, isAtCopy, isInside };
}

function isCopied({ events }: ToldBatch): boolean {
  return events[0]?.operation === 'snapshot';
}

/** Everything that is left. */
async function lastLife({ options, witness }: Reading, after: Checkpoint | null): Promise<void> {
  const reader = await HandoverReader.start(options, after, ({ events }) => {
    witness.take(events);
    return true;
  });
  reader.finish();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    reader.kill();
  }, LAST_LIFE_MS);
  await reader.closed;
  clearTimeout(timer);
  if (isLate) throw new Error(`The copy was not whole within ${LAST_LIFE_MS / 1_000} s.`);
}
