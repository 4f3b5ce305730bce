import { CdcError, type SourceEvent } from '@certyo-cdc/core';
import { replicationSource, type ReplicationSourceOptions } from '@certyo-cdc/replication';
import {
  openReader,
  type PostgresServer,
  type StreamReader,
  type TestDatabase,
} from '@certyo-cdc/testing';
import { openWireTap, type WireTap } from './wire-tap.ts';

/** What came of one way to use the library against one server. */
export interface Outcome {
  /** What the library, or behind it the server, refused it with; null when it worked. */
  readonly refusal: string | null;
  /** What was seen on the library's own connections; see `factsOf`. */
  readonly seen: ReadonlyMap<string, number>;
  /** Codes of the warnings at the start. */
  readonly warned: readonly string[];
  /** The START_REPLICATION that the library sent. */
  readonly asked: readonly string[];
}

export type Source = ReturnType<typeof replicationSource>;

export interface Running {
  readonly db: TestDatabase;
  readonly source: Source;
  readonly reader: StreamReader;
  readonly tap: WireTap;
}

export interface Scenario {
  readonly before: readonly string[];
  readonly options: Omit<ReplicationSourceOptions, 'connection'>;
  /** Runs behind `source.setup()`. */
  readonly afterSetup?: (db: TestDatabase, source: Source) => Promise<void>;
  /** Writes, waits and throws what is not as it should be: that is a failure, and no refusal. */
  readonly run: (running: Running) => Promise<void>;
}

/** Sets a source up over a database of its own, opens it and lets the scenario write and look. */
export async function runScenario(server: PostgresServer, scenario: Scenario): Promise<Outcome> {
  await using db = await server.createDatabase();
  await using tap = await openWireTap(server);
  for (const statement of scenario.before) await db.query(statement);
  const connection = new URL(db.url);
  connection.port = String(tap.port);
  const sourceEvents: SourceEvent[] = [];
  const outcome = (refusal: string | null): Outcome => ({
    refusal,
    seen: tap.seen,
    asked: tap.asked,
    warned: sourceEvents.flatMap((event) => (event.type === 'source-warned' ? [event.code] : [])),
  });
  let reader;
  let source: Source;
  try {
    source = replicationSource({
      connection: connection.href,
      slot: db.database,
      slotWaitMs: 5_000,
      ...scenario.options,
    });
    await source.setup();
    await scenario.afterSetup?.(db, source);
    reader = await openReader(source, { sourceEvents });
  } catch (error) {
    return outcome(codeOf(error));
  }
  try {
    await scenario.run({ db, source, reader, tap });
  } finally {
    await reader[Symbol.asyncDispose]();
  }
  return outcome(null);
}

/** The code of an error of the library, else that of the server. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) throw error;
  return CdcError.is(error) ? error.code : `unexplained ${error.code}`;
}

/** Throws what differs: long texts are cut. */
export function same(actual: unknown, expected: unknown): void {
  const [left, right] = [actual, expected].map((value) => JSON.stringify(value, null, 1));
  if (left === right) return;
  throw new Error(`Expected ${right?.slice(0, 2_000)}\ngot ${left?.slice(0, 2_000)}`);
}

const LONGEST_WAIT_MS = 60_000;

/** Waits until it is true. */
export async function until(what: string, isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + LONGEST_WAIT_MS;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error(`In vain: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
