import { startPostgres, type TestDatabase } from '@certyo-cdc/testing';
import {
  CAPTURES,
  type Capture,
  type WriteBackRig,
  writeBackRig,
} from '../support/write-back-rig.ts';
import type { Campaign, CampaignOptions, CampaignResult } from './runner/campaign.ts';
import { eachRun } from './runner/each-run.ts';

const ROWS = Number(process.env['WRITE_BACK_ROWS'] ?? 10_000);
const MODES = ['side-table', 'columns', 'both'] as const;
type Mode = (typeof MODES)[number];

async function runModes(options: CampaignOptions): Promise<CampaignResult> {
  await using server = await startPostgres({ major: 18 });
  return await eachRun(options, async ({ run, source }) => {
    await using db = await server.createDatabase();
    const capture = CAPTURES.find((each) => each === source) ?? 'polling';
    return await writtenBack(db, capture, MODES[run % MODES.length] ?? 'both');
  });
}

/** Every row is inserted, some are changed and some deleted while statuses of others are written back. */
async function writtenBack(
  db: TestDatabase,
  capture: Capture,
  into: Mode,
): Promise<Readonly<Record<string, number>>> {
  await db.query('CREATE TABLE public.orders (id bigint PRIMARY KEY, note numeric(8,2))');
  if (capture === 'replication full') {
    await db.query('ALTER TABLE public.orders REPLICA IDENTITY FULL');
  }
  await using it = await writeBackRig(db, { capture, writeBack: { into } });
  const page = Math.ceil(ROWS / 50);
  for (let first = 1; first <= ROWS; first += page) {
    const last = Math.min(ROWS, first + page - 1);
    await db.query(
      `INSERT INTO public.orders SELECT i, 1 FROM generate_series(${String(first)}, ${String(last)}) AS i`,
    );
  }
  // A poll sees the latest state only: each state is waited for.
  await it.pipeline.caughtUp();
  const { rowCount: updated } = await changed(
    db,
    'UPDATE public.orders SET note = 2 WHERE id % 10 = 0',
  );
  await it.pipeline.caughtUp();
  const { rowCount: deleted } = await changed(db, 'DELETE FROM public.orders WHERE id % 100 = 1');
  await it.settle();
  const changes = ROWS + updated + deleted;
  const events = it.emulator.records().length;
  if (events !== changes) {
    throw new Error(`${into}: ${String(events)} events of ${String(changes)} changes.`);
  }
  const { received } = it.pipeline.status();
  if (capture !== 'replication fingerprint' && received !== changes) {
    throw new Error(`${into}: ${String(received)} changes were captured of ${String(changes)}.`);
  }
  if (into !== 'side-table') await assertColumns(db, it, ROWS - deleted);
  if (into !== 'columns') await assertSideTable(db, it, ROWS);
  return { rows: ROWS, changes, events, captured: received, written: ROWS };
}

async function changed(db: TestDatabase, sql: string): Promise<{ readonly rowCount: number }> {
  const client = await db.client();
  try {
    return { rowCount: (await client.query(sql)).rowCount ?? 0 };
  } finally {
    await client.end();
  }
}

interface Written {
  readonly id: string;
  readonly hash: string | null;
  readonly status: string | null;
}

async function assertColumns(db: TestDatabase, it: WriteBackRig, rows: number): Promise<void> {
  const written = await db.query<Written>(
    'SELECT id::text, certyo_record_hash AS hash, certyo_anchor_status AS status FROM public.orders',
  );
  assertNewest(it, written, rows, 'columns');
}

async function assertSideTable(db: TestDatabase, it: WriteBackRig, rows: number): Promise<void> {
  const written = await db.query<Written>(
    "SELECT record_id AS id, record_hash AS hash, status FROM certyo.row_status WHERE collection = 'public.orders'",
  );
  assertNewest(it, written, rows, 'side table');
}

/** Each row's status is that of its newest version. */
function assertNewest(
  it: WriteBackRig,
  written: readonly Written[],
  rows: number,
  where: string,
): void {
  const newest = new Map<string, string>();
  for (const { recordHash, recordId } of it.emulator.records()) newest.set(recordId, recordHash);
  const right = written.filter(
    ({ hash, id, status }) => status === 'anchored' && hash === newest.get(id),
  );
  if (written.length === rows && right.length === rows) return;
  throw new Error(
    `${where}: ${String(right.length)} of ${String(rows)} rows say that their newest version is anchored; there are ${String(written.length)}.`,
  );
}

/** I10, V-01 to V-06: what is written back makes no change, in any mode with any source. */
export const campaign: Campaign = {
  name: 'write-back-modes',
  description:
    'Rows are anchored and written back, in each mode with each source: events are the changes of the application.',
  // Three modes and five ways to capture have no common divisor: all pairs have their turn.
  runs: MODES.length,
  share: MODES.length,
  sources: CAPTURES,
  run: runModes,
};
