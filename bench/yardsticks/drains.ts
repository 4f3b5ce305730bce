import type { DrainMeasure } from '../runner/drain.ts';
import type { Variant } from '../runner/paired-rounds.ts';
import { createBenchRows, insertBenchRows, type BenchSize } from '../support/bench-rows.ts';
import { askOnce, MeasuredProcess } from '../support/measured-process.ts';
import type { RecordedWal } from '../support/recorded-wal.ts';
import { PG_RECVLOGICAL_MISSING, pgRecvlogical } from './pg-recvlogical.ts';
import type { DiscardInput } from './discard-reader.ts';
import type { SubscribeMeasure } from './postgres-js.ts';

type Drain = Variant<DrainMeasure>;

/** The name in all tables of PostgreSQL's own client. */
export const PG_RECVLOGICAL = 'pg_recvlogical to /dev/null';
/** The name in all tables of the reader that only reads. */
export const DISCARD_READER = 'bytes thrown away';
/** The same, that leaves the socket alone for a millisecond after each read. */
export const RESTING_READER = 'bytes thrown away, with rests';
export const PG_LOGICAL_REPLICATION = 'pg-logical-replication';
export const PGWIRE = 'pgwire';
export const POSTGRES_JS = 'postgres.js subscribe';

/**
 * What the fastest way to take the bytes off the server is found among: clients that read whatever comes as soon as it comes,
 * as all do but ours. The one that rests as ours does is a yardstick beside them.
 */
export const FASTEST_DRAINS: readonly string[] = [PG_RECVLOGICAL, DISCARD_READER];

/** What is said of them under the tables. */
export const RESTING_NOTE: string = `\`vsFastestDrain\` is the ratio to the faster of ${PG_RECVLOGICAL} and "${DISCARD_READER}", which read each piece as it comes. That is not all that the server can send: who leaves the socket alone for a millisecond, as ours does, gets more of it. "${RESTING_READER}" shows how much, and \`vsRestingDrain\` is the ratio to it.`;

/** Said of a variant that did all of it once before in the same process. */
export const ONCE_MORE = ', once more';

export const ONCE_MORE_NOTE: string = `"${ONCE_MORE.slice(2)}" is the same work for the second time in one process: what it costs a service that has run for a while, when the engine has compiled what runs often. The first time that is paid for as well, and all aims are held against the first time.`;

/** How often a child reads the log. */
export interface ChildDrainOptions {
  /** Whether it does so twice, through a slot of its own each time; the second time is measured. @default false */
  readonly isOnceMore?: boolean;
}

/** Reads the log in a child whose program answers `drain`. */
export function childDrain(
  name: string,
  program: URL,
  wal: RecordedWal,
  signal: AbortSignal,
  { isOnceMore = false }: ChildDrainOptions = {},
): Drain {
  return {
    name: isOnceMore ? name + ONCE_MORE : name,
    measure: async () => {
      await using child = await MeasuredProcess.start(program, { signal });
      const drain = (): Promise<DrainMeasure> =>
        wal.reading((reading) => child.ask<DrainMeasure>('drain', reading));
      if (isOnceMore) await drain();
      return await drain();
    },
  };
}

/** The readers that the fastest is found among, as far as they are installed; says which is not. */
export function fastestDrains(
  wal: RecordedWal,
  signal: AbortSignal,
  say: (line: string) => void,
): readonly Drain[] {
  const discard = childDrain(
    DISCARD_READER,
    new URL('./discard-reader.ts', import.meta.url),
    wal,
    signal,
  );
  if (PG_RECVLOGICAL_MISSING !== null) {
    say(`skipped: ${PG_RECVLOGICAL_MISSING}`);
    return [discard];
  }
  const recvlogical: Drain = {
    name: PG_RECVLOGICAL,
    measure: () => wal.reading((reading) => pgRecvlogical(reading, signal)),
  };
  return [recvlogical, discard];
}

/** What reading seldom does alone: the server wakes nobody for each message. */
export function restingDrain(wal: RecordedWal, signal: AbortSignal): Drain {
  const program = new URL('./discard-reader.ts', import.meta.url);
  return {
    name: RESTING_READER,
    measure: () =>
      wal.reading((reading) => {
        const input: DiscardInput = { ...reading, restMs: 1 };
        return askOnce<DrainMeasure>(program, 'drain', input, { signal });
      }),
  };
}

export function pgLogicalReplicationDrain(
  wal: RecordedWal,
  signal: AbortSignal,
  options?: ChildDrainOptions,
): Drain {
  const program = new URL('./pg-logical-replication.ts', import.meta.url);
  return childDrain(PG_LOGICAL_REPLICATION, program, wal, signal, options);
}

export function pgwireDrain(wal: RecordedWal, signal: AbortSignal): Drain {
  return childDrain(PGWIRE, new URL('./pgwire.ts', import.meta.url), wal, signal);
}

/** Writes the same rows again, in a database of their own, while it is frozen. */
export function postgresJsDrain(wal: RecordedWal, size: BenchSize, signal: AbortSignal): Drain {
  return {
    name: POSTGRES_JS,
    measure: async () => {
      await using database = await wal.server.createDatabase();
      await createBenchRows(database);
      await database.query('CREATE PUBLICATION bench FOR TABLE bench_rows');
      const program = new URL('./postgres-js.ts', import.meta.url);
      await using child = await MeasuredProcess.start(program, { signal });
      const input = { url: database.url, publication: 'bench', rows: size.rows };
      await child.ask('subscribe', input);
      child.signal('SIGSTOP');
      await insertBenchRows(database, size);
      const startedAt = process.hrtime.bigint();
      child.signal('SIGCONT');
      const { endedAt, ...measure } = await child.ask<SubscribeMeasure>('drained');
      return { ...measure, seconds: Number(BigInt(endedAt) - startedAt) / 1e9 };
    },
  };
}
