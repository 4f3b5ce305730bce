import type { ChangeStream, SourceEvent } from '@certyo-cdc/core';
import type { TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { expect } from 'vitest';
import { normalizePayloadOptions, type PayloadSourceOptions } from '../payload/options.ts';
import { type PayloadSource, payloadSource } from '../payload/payload-source.ts';
import { type RecordingSource, recordingSource } from './recording-source.ts';

export interface PayloadRig extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly source: PayloadSource;
  readonly catchUp: RecordingSource;
  readonly events: SourceEvent[];
  /** Opens the stream; it is closed with the rig. */
  open(): Promise<ChangeStream>;
  /** Opens the stream and waits until rows are offered. */
  ready(): Promise<void>;
  /** Waits until a row that is written now is offered: what was to be offered before it has been by then. */
  settled(): Promise<void>;
  /** The rows of `t` that were offered, without those of `settled`. */
  readonly rows: string[];
}

type RigOptions = Partial<PayloadSourceOptions> & {
  readonly statements?: readonly string[];
  /** The database; it goes with the rig. @default one on the shared server */
  readonly db?: TestDatabase;
};

/** A database with a table `t`, payload mode set up on it, over a source that notes what it gets. */
export async function payloadRig(options: RigOptions = {}): Promise<PayloadRig> {
  const {
    db = await testDatabase(),
    statements = ['CREATE TABLE t (id int PRIMARY KEY, v text)'],
    ...given
  } = options;
  for (const statement of statements) await db.query(statement);
  const rig = rigOver(db, given, async () => db[Symbol.asyncDispose]());
  await rig.source.setup();
  return rig;
}

/** The same over a database that is set up already, and stays. */
export function payloadRigOver(
  rig: PayloadRig,
  options: Partial<PayloadSourceOptions>,
): PayloadRig {
  return rigOver(rig.db, options, () => Promise.resolve());
}

function rigOver(
  db: TestDatabase,
  options: Partial<PayloadSourceOptions>,
  dispose: () => Promise<void>,
): PayloadRig {
  const catchUp = recordingSource();
  const source = payloadSource(
    normalizePayloadOptions({
      mode: 'payload',
      catchUp,
      tables: ['public.t'],
      connection: db.url,
      env: {},
      listener: { heartbeatMs: 100, reconnect: { minDelayMs: 10, maxDelayMs: 50 } },
      ...options,
    }),
  );
  const events: SourceEvent[] = [];
  const streams: ChangeStream[] = [];
  const abort = new AbortController();
  let markers = 0;
  const rig: PayloadRig = {
    db,
    source,
    catchUp,
    events,
    get rows() {
      return catchUp.offers.map((offer) => offer.row).filter((row) => !row.startsWith('(0,'));
    },
    async ready() {
      await rig.open();
      await rig.settled();
    },
    async settled() {
      const first = markers;
      await expect
        .poll(async () => {
          markers += 1;
          await db.query(
            `INSERT INTO t VALUES (0, 'marker-${markers}') ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v`,
          );
          await new Promise((resolve) => setTimeout(resolve, 20));
          // Any of these: on a busy machine the newest may always be on its way.
          return catchUp.offers.some(
            (offer) => Number(/^\(0,marker-(\d+)\)$/.exec(offer.row)?.[1] ?? 0) > first,
          );
        })
        .toBe(true);
    },
    async open() {
      const stream = await source.open({
        after: null,
        signal: abort.signal,
        onEvent: (event) => void events.push(event),
      });
      streams.push(stream);
      return stream;
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      for (const stream of streams) await stream[Symbol.asyncDispose]();
      await dispose();
    },
  };
  return rig;
}
