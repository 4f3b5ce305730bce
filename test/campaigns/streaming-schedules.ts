import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '@certyo-cdc/core';
import { replicationSource } from '@certyo-cdc/replication';
import type { TestDatabase } from '@certyo-cdc/testing';
import fc from 'fast-check';
import type { Campaign } from './runner/campaign.ts';
import { eachRunOnRigs, type Major, MAJORS, type Rig } from './schedules/rigs.ts';
import { StreamingReader } from './schedules/streaming-reader.ts';
import { streamingSchedules, WRITERS } from './schedules/streaming-steps.ts';
import { streamingSchemaSql, StreamingWriter } from './schedules/streaming-writer.ts';

const LEAST_MEMORY = `DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET logical_decoding_work_mem = %L', current_database(), '64kB');
END $$;`;

/** The same changes read by protocol 1, and in other ways: in progress, when they are prepared, or both. */
interface Readers extends AsyncDisposable {
  readonly groups: readonly {
    readonly plain: StreamingReader;
    readonly others: readonly StreamingReader[];
  }[];
}

const tables = [
  'shared',
  ...Array.from({ length: WRITERS }, (_, i) => [`own_${i}`, `child_${i}`]).flat(),
];

async function openReaders(
  database: TestDatabase,
  client: Rig<Readers>['reader'],
): Promise<Readers> {
  const found = await client.query<{ readonly major: number }>(
    "SELECT current_setting('server_version_num')::int / 10000 AS major",
  );
  const open = async (
    name: string,
    options: {
      readonly streaming?: boolean;
      readonly twoPhase?: boolean;
      readonly messages?: boolean;
    },
  ): Promise<StreamingReader> => {
    const slot = `${database.database}_${name}`;
    const source = replicationSource({
      connection: database.url,
      tables,
      name: 'schedules',
      slot,
      reconnect: { minDelayMs: 5, maxDelayMs: 50 },
      ...options,
    });
    await source.setup();
    const reader = new StreamingReader(slot, source);
    await reader.open();
    return reader;
  };
  const rows = { plain: await open('p', {}), others: [await open('s', { streaming: true })] };
  const groups = [rows];
  if ((found.rows[0]?.major ?? 0) >= 15) {
    rows.others.push(await open('t', { streaming: true, twoPhase: true }));
    const prepared = await open('n', { twoPhase: true, messages: true });
    groups.push({ plain: await open('m', { messages: true }), others: [prepared] });
  }
  return {
    groups,
    async [Symbol.asyncDispose]() {
      for (const { plain, others } of groups) {
        for (const reader of [plain, ...others]) await reader[Symbol.asyncDispose]();
      }
    },
  };
}

function firstDifference(left: readonly JsonValue[], right: readonly JsonValue[]): string {
  const at = left.findIndex((event, i) => !isDeepStrictEqual(event, right[i]));
  const short = (event: JsonValue | undefined): string =>
    JSON.stringify(event ?? null)
      .replaceAll(/x{9,}/g, 'x…')
      .slice(0, 600);
  const i = at < 0 ? left.length : at;
  return `${left.length} and ${right.length} events, first different at ${i}: ${short(left[i])} and ${short(right[i])}`;
}

async function streamed(rig: Rig<Readers>): Promise<number> {
  const { rows } = await rig.control.query<{ readonly streamed: number }>(
    'SELECT coalesce(sum(stream_txns), 0)::int AS streamed FROM pg_stat_replication_slots',
  );
  return rows[0]?.streamed ?? 0;
}

export const campaign: Campaign = {
  name: 'streaming-schedules',
  description:
    'Random schedules of transactions, subtransactions, rollbacks and prepared transactions: streamed in progress, and prepared, they give the very events of protocol 1.',
  runs: 500,
  share: 50,
  run: (options) => {
    let keys = 0;
    const rigs = {
      majorOf: (run: number): Major | undefined => MAJORS[run % MAJORS.length],
      schemaSql: `${streamingSchemaSql(WRITERS)} ${LEAST_MEMORY}`,
      prepare: openReaders,
    };
    return eachRunOnRigs(options, rigs, async ({ random }, rig) => {
      const seed = Math.floor(random() * 2 ** 31);
      const [steps = []] = fc.sample(streamingSchedules, { seed, numRuns: 1 });
      const { groups } = rig.kit;
      const mortal = groups.flatMap(({ others }) => others);
      const writers = Array.from({ length: WRITERS }, (_, number) => {
        const client = rig.clients[number];
        if (client === undefined) throw new Error('There are fewer connections than writers.');
        const nextKey = (): number => (keys += 100_000);
        return new StreamingWriter({ client, control: rig.control, number, nextKey });
      });
      for (const step of steps) {
        if (step.kind === 'write') await writers[step.writer]?.act(step.action);
        else {
          const reader = mortal[step.reader % mortal.length];
          if (step.kind === 'restart') {
            if (!writers.some(({ isLocked }) => isLocked)) await reader?.restart();
          } else if (step.kind === 'cut') await reader?.cut(rig.control);
          else await reader?.acknowledge();
        }
      }
      for (const writer of writers) await writer.finish(random);
      let read = 0;
      for (const { plain, others } of groups) {
        const expected = await plain.take();
        read += expected.length;
        for (const reader of others) {
          const events = await reader.take();
          if (isDeepStrictEqual(events, expected)) continue;
          throw new Error(`${reader.slot}: ${firstDifference(expected, events)}`);
        }
      }
      return { events: read, steps: steps.length, maxStreamed: await streamed(rig) };
    });
  },
};
