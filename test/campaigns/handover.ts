import type { ChangeBatch, Checkpoint, SourceEvent } from '@certyo-cdc/core';
import { replicationSource } from '@certyo-cdc/replication';
import { type PostgresServer, startPostgres, type TestDatabase } from '@certyo-cdc/testing';
import type { Campaign } from './runner/campaign.ts';
import { eachRun, type RunContext } from './runner/each-run.ts';
import {
  HANDOVER_SQL,
  HANDOVER_TABLES,
  HandoverWitness,
  HandoverWriters,
} from './support/handover-rig.ts';

/** Lives of the reader in one run that end by a kill. */
const KILLS = 4;

/** In which ways rows come to the reader. */
const WAYS = ['ctid', 'keyset', 'backfill'] as const;

type Source = ReturnType<typeof replicationSource>;

/**
 * Tables are copied while they are written, and the reader is killed while it copies: between the batches of a chunk, and
 * by the loss of its connections. Every life goes on with what the last one had saved.
 */
export const campaign: Campaign = {
  name: 'handover',
  description: `From copy to stream under write load, with ${KILLS} kills inside the copy.`,
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
  const chunkRows = 20 + Math.floor(random() * 400);
  const source = replicationSource({
    connection: database.url,
    tables: HANDOVER_TABLES,
    slot: database.database,
    slotWaitMs: 20_000,
    reconnect: { minDelayMs: 10, maxDelayMs: 100 },
    maxBufferedBytes: 8_192,
    ...(way === 'backfill' ? {} : { copy: { method: way, chunkRows, slotLockTimeoutMs: 60_000 } }),
  });
  await source.setup();
  const writers = new HandoverWriters(database, random);
  const witness = new HandoverWitness();
  let kills = 0;
  let cuts = 0;
  try {
    let saved: Checkpoint | null = null;
    if (way === 'backfill') await source.backfill({ tables: HANDOVER_TABLES, chunkRows });
    for (let life = 0; life < KILLS; life++) {
      const isCut = random() < 0.3;
      saved = await live(source, { saved, witness, random, database, isCut });
      if (isCut) cuts += 1;
      else kills += 1;
    }
    await writers.stop();
    await finish(source, { saved, witness, isBackfill: way === 'backfill' });
    await witness.compare(database);
  } finally {
    await writers.stop();
    await source.teardown({ state: true });
  }
  if (witness.problems.length > 0) throw new Error(`${way}: ${witness.problems.join('; ')}`);
  const { copied, events, repeated } = witness;
  return { kills, cuts, transactions: writers.transactions, events, copied, repeated, [way]: 1 };
}

/** Reads for a while, saves now and then, and ends without a word. Gives what was saved. */
async function live(
  source: Source,
  {
    saved,
    witness,
    random,
    database,
    isCut,
  }: {
    readonly saved: Checkpoint | null;
    readonly witness: HandoverWitness;
    readonly random: () => number;
    readonly database: TestDatabase;
    readonly isCut: boolean;
  },
): Promise<Checkpoint | null> {
  const { signal } = new AbortController();
  const stream = await source.open({ after: saved, signal });
  let kept = saved;
  let batches = 0;
  const until = 1 + Math.floor(random() * 40);
  const timer = setTimeout(() => void stream[Symbol.asyncDispose](), 2_000 + random() * 1_000);
  try {
    for await (const batch of stream) {
      witness.take(batch.events);
      batches += 1;
      // Killed only while rows are copied: behind a batch of them, or between two of one chunk.
      if (batches >= until && isCopied(batch)) {
        if (!isCut) return kept;
        await cut(database);
        batches = -1_000;
      }
      if (batch.end === null || random() < 0.5) continue;
      kept = JSON.parse(JSON.stringify(stream.checkpoint(batch.end))) as Checkpoint;
      await stream.acknowledge(batch.end);
    }
    return kept;
  } finally {
    clearTimeout(timer);
    await stream[Symbol.asyncDispose]();
  }
}

function isCopied({ events }: ChangeBatch): boolean {
  return events[0]?.operation === 'snapshot';
}

/** Takes the connections of the reader away, also those that copy. */
async function cut(database: TestDatabase): Promise<void> {
  await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND (query LIKE 'COPY%' OR query LIKE '%COMMIT;%' OR backend_type = 'walsender')`,
  );
}

/** The last life: everything that is left. */
async function finish(
  source: Source,
  {
    saved,
    witness,
    isBackfill,
  }: {
    readonly saved: Checkpoint | null;
    readonly witness: HandoverWitness;
    readonly isBackfill: boolean;
  },
): Promise<void> {
  const { signal } = new AbortController();
  const events: SourceEvent[] = [];
  const stream = await source.open({
    after: saved,
    signal,
    onEvent: (event) => events.push(event),
  });
  const reading = (async () => {
    for await (const batch of stream) {
      witness.take(batch.events);
      if (batch.end !== null) await stream.acknowledge(batch.end);
    }
  })();
  try {
    if (isBackfill) {
      for (const { done } of await source.backfills()) await Promise.race([done, reading]);
    }
    await Promise.race([stream.caughtUp({ signal }), reading]);
  } finally {
    await stream[Symbol.asyncDispose]();
    await reading;
  }
}
