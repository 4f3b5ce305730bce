import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, type TestDatabase } from '@certyo-cdc/testing';
import { type Capture, type WriteBackRig, writeBackRig } from '../support/write-back-rig.ts';
import type { Campaign, CampaignOptions, CampaignResult } from './runner/campaign.ts';
import { eachRun, type RunContext } from './runner/each-run.ts';

const SOURCES: readonly Capture[] = [
  'polling',
  'listen-notify',
  'replication full',
  'replication origin',
];

/** Longest pause in a transaction, milliseconds. */
const SPREAD_MS = 20;
const WAIT_MS = 180_000;
const { signal } = new AbortController();

interface Row {
  readonly note: string;
  readonly status: string | null;
  readonly hash: string | null;
}

/** What an application may do with a row while its status is written. */
const CHANGES = ['update', 'transaction', 'rollback', 'back', 'same', 'delete'] as const;
type Change = (typeof CHANGES)[number];

interface Place {
  readonly db: TestDatabase;
  readonly it: WriteBackRig;
  /** What a round of write-back took the last time: changes come at any moment of it, or soon after. */
  roundMs: number;
}

async function runRaces(options: CampaignOptions): Promise<CampaignResult> {
  await using server = await startPostgres({ major: 18 });
  const places = new Map<string, Promise<Place>>();
  try {
    return await eachRun(options, async (context) => {
      const place = places.get(context.source) ?? open(server, context.source);
      places.set(context.source, place);
      return await race(await place, context);
    });
  } finally {
    for (const place of places.values()) {
      const { db, it } = await place;
      await it[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
    }
  }
}

async function open(
  server: Awaited<ReturnType<typeof startPostgres>>,
  source: string,
): Promise<Place> {
  const db = await server.createDatabase();
  await db.query('CREATE TABLE public.orders (id bigint PRIMARY KEY, note text)');
  if (source === 'replication full') {
    await db.query('ALTER TABLE public.orders REPLICA IDENTITY FULL');
  }
  const capture = SOURCES.find((each) => each === source) ?? 'polling';
  return { db, it: await writeBackRig(db, { capture, isStarted: false }), roundMs: 100 };
}

async function race(
  place: Place,
  { random, run }: RunContext,
): Promise<Readonly<Record<string, number>>> {
  const { db, it } = place;
  const id = String(run);
  const change = CHANGES[Math.floor(random() * CHANGES.length)] ?? 'update';
  await db.query(`INSERT INTO public.orders VALUES ($1, 'first')`, [id]);
  await it.pipeline.caughtUp();
  const deadline = Date.now() + WAIT_MS;
  while ((await it.writeBack.backlog({ signal })).queued === 0) {
    if (Date.now() > deadline) throw new Error('The row was not anchored.');
    await sleep(10);
  }
  const client = await db.client();
  const [first, round] = await Promise.all([
    sleep(random() * place.roundMs * 1.5).then(() => apply(client, id, change, random)),
    it.writeBack.runOnce(),
  ]);
  place.roundMs = round.durationMs;
  for (const row of [first, await read(client, id)]) assertOfContent(it, id, row, change);
  await it.settle();
  const effects = it.emulator.records({ recordId: id });
  const row = await read(client, id);
  await client.end();
  if (row !== null && row.status !== 'anchored') {
    throw new Error(`${change}: the row is ${row.status ?? 'without status'} in the end.`);
  }
  assertOfContent(it, id, row, change);
  const expected = { update: 2, transaction: 2, rollback: 1, back: 3, same: null, delete: 2 }[
    change
  ];
  // A poll sees the latest state only; an update that changes nothing may be told or not.
  if (expected !== null && effects.length > expected) {
    throw new Error(
      `${change}: ${String(effects.length)} versions of ${String(expected)} were anchored.`,
    );
  }
  return {
    races: 1,
    written: round.written,
    newer: round.newer,
    busy: round.busy,
    gone: round.gone,
    effects: effects.length,
  };
}

/** A status is that of a version with the very content that the row has. */
function assertOfContent(it: WriteBackRig, id: string, row: Row | null, change: Change): void {
  if (row === null || row.status !== 'anchored') return;
  const same = it.emulator
    .records({ recordId: id })
    .filter(({ payload }) => payload.includes(`"note":"${row.note}"`));
  if (same.some(({ recordHash }) => recordHash === row.hash)) return;
  throw new Error(`${change}: the status stands on other content than was anchored.`);
}

type Client = Awaited<ReturnType<TestDatabase['client']>>;

/** The row as it is when the change is committed. */
async function apply(
  client: Client,
  id: string,
  change: Change,
  random: () => number,
): Promise<Row | null> {
  const set = async (note: string): Promise<void> => {
    await client.query('UPDATE public.orders SET note = $2 WHERE id = $1', [id, note]);
  };
  switch (change) {
    case 'update':
      await set('second');
      break;
    case 'transaction':
    case 'rollback':
      await client.query('BEGIN');
      await set('second');
      await sleep(random() * SPREAD_MS);
      await client.query(change === 'rollback' ? 'ROLLBACK' : 'COMMIT');
      break;
    case 'back':
      await set('second');
      await set('first');
      break;
    case 'same':
      await set('first');
      break;
    case 'delete':
      await client.query('DELETE FROM public.orders WHERE id = $1', [id]);
  }
  return await read(client, id);
}

async function read(client: Client, id: string): Promise<Row | null> {
  const { rows } = await client.query<Row>(
    'SELECT note, certyo_anchor_status AS status, certyo_record_hash AS hash FROM public.orders WHERE id = $1',
    [id],
  );
  return rows[0] ?? null;
}

/** V-08, V-10: an update of a row races with the write-back of its status. */
export const campaign: Campaign = {
  name: 'write-back-races',
  description:
    'An update races with the write-back of its row: the status never stands on newer content.',
  runs: 125,
  share: 12,
  sources: SOURCES,
  run: runRaces,
};
