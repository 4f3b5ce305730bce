import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark } from '../../runner/benchmark.ts';
import { type DrainMeasure, drainLine, drainSummary, rowsPerSecond } from '../../runner/drain.ts';
import { pairedRounds, ratioOf, type Variant } from '../../runner/paired-rounds.ts';
import { figure } from '../../runner/spread.ts';
import { FULL_SIZE, QUICK_SIZE } from '../../support/bench-rows.ts';
import { askOnce } from '../../support/measured-process.ts';
import { RecordedWal } from '../../support/recorded-wal.ts';
import {
  ONCE_MORE,
  ONCE_MORE_NOTE,
  PG_LOGICAL_REPLICATION,
  PGWIRE,
} from '../../yardsticks/drains.ts';
import type { DecodeInput } from './recording.ts';

const OURS = 'certyo-cdc, canonical bytes';
const PGWIRE_READ = `${PGWIRE}, all columns read`;
const ROW_OBJECTS = 'certyo-cdc, row objects, all columns read';

const NOTES = [
  'All decode the same recorded bytes, in a process that has just begun where nothing else is said. Ours takes whole frames in pieces of 64 KiB, finds the messages in them and writes the canonical bytes of every row; the others are given the messages and make row objects.',
  'The columns of the row objects of pgwire become values when they are read: once nobody reads them, once all are read. pg-logical-replication makes values of all columns.',
  ONCE_MORE_NOTE,
  'Peak RSS holds the recording, which all of them have in memory.',
];

/** Decoding alone. */
export const decodeBenchmark: Benchmark = {
  name: 'decode',
  summary:
    'Recorded messages of pgoutput decoded: canonical bytes of every row beside the row objects of others.',
  rounds: { full: 7, quick: 1 },
  run: async ({ isQuick, rounds, say, signal }) => {
    const size = isQuick ? QUICK_SIZE : FULL_SIZE;
    const folder = await mkdtemp(join(tmpdir(), 'certyo-bench-'));
    try {
      const file = join(folder, 'recording');
      {
        await using wal = await RecordedWal.write(size, { signal });
        say(
          `PostgreSQL ${wal.server.version}, ${size.rows} rows in ${size.transactions} transactions`,
        );
        const recorder = new URL('./recorder-process.ts', import.meta.url);
        await wal.reading((reading) => askOnce(recorder, 'record', { file, reading }, { signal }));
      }
      const variant = (name: string, program: URL, how: string): Variant<DrainMeasure> => {
        const times = name.endsWith(ONCE_MORE) ? 2 : 1;
        const input: DecodeInput = { file, rows: size.rows, times };
        return { name, measure: () => askOnce<DrainMeasure>(program, how, input, { signal }) };
      };
      const ours = new URL('./ours-process.ts', import.meta.url);
      const parse = new URL('../../yardsticks/pg-logical-replication-parse.ts', import.meta.url);
      const pgwire = new URL('../../yardsticks/pgwire-decode.ts', import.meta.url);
      const measures = await pairedRounds(
        [
          variant(OURS, ours, 'canonicalBytes'),
          variant(PG_LOGICAL_REPLICATION, parse, 'decode'),
          variant(PGWIRE, pgwire, 'rowObjects'),
          variant(PGWIRE_READ, pgwire, 'allColumns'),
          variant(ROW_OBJECTS, ours, 'rowObjects'),
          variant(OURS + ONCE_MORE, ours, 'canonicalBytes'),
          variant(PG_LOGICAL_REPLICATION + ONCE_MORE, parse, 'decode'),
          variant(PGWIRE + ONCE_MORE, pgwire, 'rowObjects'),
          variant(PGWIRE_READ + ONCE_MORE, pgwire, 'allColumns'),
        ],
        { rounds, signal, onMeasure: (...turn) => say(drainLine(...turn)) },
      );
      const against = (name: string, theirs: string): ReturnType<typeof ratioOf> =>
        ratioOf(measures, name, theirs, rowsPerSecond);
      const summary = drainSummary('Decoding alone', 'decode', measures);
      return {
        ...summary,
        notes: NOTES,
        figures: {
          ...figure('vsPgLogicalReplication', against(OURS, PG_LOGICAL_REPLICATION)),
          ...figure('vsPgwire', against(OURS, PGWIRE)),
          ...figure(
            'rowObjectsVsPgLogicalReplication',
            against(ROW_OBJECTS, PG_LOGICAL_REPLICATION),
          ),
          ...figure('vsPgwireAllColumnsRead', against(OURS, PGWIRE_READ)),
          ...figure('rowObjectsVsPgwireAllColumnsRead', against(ROW_OBJECTS, PGWIRE_READ)),
          ...figure(
            'onceMoreVsPgLogicalReplication',
            against(OURS + ONCE_MORE, PG_LOGICAL_REPLICATION + ONCE_MORE),
          ),
          ...figure('onceMoreVsPgwire', against(OURS + ONCE_MORE, PGWIRE + ONCE_MORE)),
          ...figure(
            'onceMoreVsPgwireAllColumnsRead',
            against(OURS + ONCE_MORE, PGWIRE_READ + ONCE_MORE),
          ),
          ...summary.figures,
        },
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
