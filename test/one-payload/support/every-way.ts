import {
  type CertyoItem,
  certyoSink,
  type ChangeEvent,
  type ChangeSource,
  createPipeline,
  isRowChange,
  type RowChange,
} from '@certyo-cdc/core';
import { listenNotifySource } from '@certyo-cdc/listen-notify';
import { pollingSource } from '@certyo-cdc/polling';
import { replicationSource } from '@certyo-cdc/replication';
import {
  checkJsonForm,
  memoryCheckpointStore,
  startCertyoEmulator,
  type TestDatabase,
} from '@certyo-cdc/testing';

/** The ways in which a row can come to Certyo. */
export const WAYS = [
  'replication',
  'change log',
  'polling',
  'copy',
  'first copy',
  'backfill',
] as const;
export type Way = (typeof WAYS)[number];

/** A change of a row as one way showed it. */
export interface Shown {
  readonly table: string;
  readonly recordId: string;
  /** What its record was called before a change of its key. */
  readonly previousId: string | null;
  readonly operation: RowChange['operation'];
  /** What the event writes. */
  readonly payload: string;
  /** What Certyo holds of it. */
  readonly held: string | undefined;
  readonly unavailable: readonly string[];
}

interface PreparedSource extends ChangeSource {
  setup(): Promise<readonly string[]>;
  /** Has rows read beside the stream that is open; resolves when all of them have been handed over. */
  readBesides?(): Promise<unknown>;
}

export interface Captured {
  readonly db: TestDatabase;
  readonly tables: readonly string[];
}

/** A source over a slot that begins when all is written, whose rows it reads beside the stream. */
function filledSource({ db, tables }: Captured): PreparedSource {
  const source = replicationSource({
    connection: db.url,
    tables,
    slot: `${db.database}_fill`,
    publication: 'filled',
  });
  return {
    ...source,
    setup: () => source.setup(),
    readBesides: async () => (await source.backfill({ tables, chunkRows: 500 })).done,
  };
}

function makeSource(way: Way, { db, tables }: Captured): PreparedSource {
  const connection = db.url;
  switch (way) {
    case 'replication':
      return replicationSource({ connection, tables, slot: db.database });
    case 'change log':
      return listenNotifySource({ connection, tables, groupMs: false });
    case 'polling':
      return pollingSource({ connection, tables });
    case 'copy':
      // Its log is made when all is written: what it shows it has read from the tables.
      return listenNotifySource({ connection, tables, log: 'copied', copy: true });
    case 'first copy': {
      const slot = `${db.database}_copy`;
      return replicationSource({ connection, tables, slot, publication: 'copied', copy: true });
    }
    case 'backfill':
      return filledSource({ db, tables });
  }
}

/** Makes everything that the ways need, has rows written, and reads them in every way. */
export async function readEveryWay(
  captured: Captured,
  write: () => Promise<void>,
): Promise<ReadonlyMap<Way, readonly Shown[]>> {
  // Polling first: it adds a column, which no way may show.
  for (const way of ['polling', 'change log', 'replication'] as const)
    await makeSource(way, captured).setup();
  await write();
  for (const way of ['copy', 'first copy', 'backfill'] as const)
    await makeSource(way, captured).setup();
  const shown = new Map<Way, readonly Shown[]>();
  for (const way of WAYS) shown.set(way, await read(makeSource(way, captured)));
  return shown;
}

/** Reads everything that a source has, through a pipeline into a Certyo of its own. */
async function read(source: PreparedSource): Promise<readonly Shown[]> {
  await using certyo = await startCertyoEmulator();
  const { url: baseUrl, apiKey, tenantId } = certyo;
  const sink = certyoSink({ baseUrl, apiKey, tenantId });
  const events: { event: RowChange; payload: string }[] = [];
  const pipeline = createPipeline<CertyoItem>(
    source,
    {
      name: sink.name,
      maxBatchItems: sink.maxBatchItems,
      deliver: (items, options) => sink.deliver(items, options),
      close: async () => sink.close?.(),
      prepare: (event: ChangeEvent) => {
        // As it is written at once: later it has to be the same.
        checkJsonForm(event);
        if (isRowChange(event)) events.push({ event, payload: event.canonicalRow() });
        return sink.prepare(event);
      },
    },
    { checkpoints: memoryCheckpointStore() },
  );
  await pipeline.start();
  const isRead = async (): Promise<void> => {
    await source.readBesides?.();
    await pipeline.caughtUp({ signal: AbortSignal.timeout(120_000) });
  };
  await Promise.race([
    isRead(),
    pipeline.closed.then((error) => {
      if (error !== null) throw error;
    }),
  ]);
  await pipeline.drain();
  const held = new Map(
    certyo
      .records()
      .map((effect) => [
        `${effect.collection} ${effect.recordId} ${effect.recordVersion}`,
        effect.payload,
      ]),
  );
  return events.map(({ event, payload }) => {
    const table = `${event.table.schema}.${event.table.name}`;
    const recordId = recordIdOf(event.key);
    if (event.canonicalRow() !== payload) throw new Error('An event was written differently.');
    return {
      table,
      recordId,
      previousId: event.previousKey === null ? null : recordIdOf(event.previousKey),
      operation: event.operation,
      payload,
      held: held.get(`${table} ${recordId} ${event.version}`),
      unavailable: event.unavailable,
    };
  });
}

function recordIdOf(key: RowChange['key']): string {
  const texts = Object.values(key).map(String);
  return texts.length === 1 ? (texts[0] ?? '') : JSON.stringify(texts);
}

/** What is shown last of each record that is not deleted, by `table recordId`. */
export function lastShown(all: readonly Shown[]): ReadonlyMap<string, Shown> {
  const last = new Map<string, Shown>();
  for (const one of all) {
    const name = `${one.table} ${one.recordId}`;
    if (one.previousId !== null) last.delete(`${one.table} ${one.previousId}`);
    if (one.operation === 'delete') last.delete(name);
    else last.set(name, one);
  }
  return last;
}

/** What differs between the ways, and between an event and what Certyo holds; empty when nothing does. */
export function differences(ways: ReadonlyMap<Way, readonly Shown[]>): readonly string[] {
  const found: string[] = [];
  for (const [way, all] of ways) {
    for (const one of all) {
      if (one.held !== one.payload)
        found.push(`${way}: ${one.table} ${one.recordId} is held as ${one.held ?? 'nothing'}`);
    }
  }
  const expected = lastShown(ways.get('change log') ?? []);
  for (const [way, all] of ways) {
    const last = lastShown(all);
    for (const name of new Set([...expected.keys(), ...last.keys()])) {
      const left = expected.get(name)?.payload;
      const right = last.get(name)?.payload;
      if (left !== right)
        found.push(`${name}\n  change log: ${left ?? 'nothing'}\n  ${way}: ${right ?? 'nothing'}`);
    }
  }
  return found.slice(0, 10);
}

/** Every version that a way showed, as `table recordId operation payload`; those of a record stay in their order. */
export function versions(all: readonly Shown[]): readonly string[] {
  const byRecord = new Map<string, string[]>();
  for (const { table, recordId, operation, payload } of all) {
    const record = `${table} ${recordId}`;
    const list = byRecord.get(record) ?? [];
    list.push(`${record} ${operation} ${payload}`);
    byRecord.set(record, list);
  }
  return [...byRecord.keys()].sort().flatMap((record) => byRecord.get(record) ?? []);
}
