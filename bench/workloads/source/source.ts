import type { Benchmark } from '../../runner/benchmark.ts';
import {
  cpuSecondsPerMillion,
  drainLine,
  drainSummary,
  rowsPerSecond,
} from '../../runner/drain.ts';
import { pairedRounds, ratioOf } from '../../runner/paired-rounds.ts';
import { figure } from '../../runner/spread.ts';
import { FULL_SIZE, QUICK_SIZE } from '../../support/bench-rows.ts';
import { RecordedWal } from '../../support/recorded-wal.ts';
import {
  childDrain,
  FASTEST_DRAINS,
  fastestDrains,
  RESTING_READER,
  restingDrain,
  ONCE_MORE,
  ONCE_MORE_NOTE,
  PG_LOGICAL_REPLICATION,
  pgLogicalReplicationDrain,
  pgwireDrain,
  postgresJsDrain,
  RESTING_NOTE,
} from '../../yardsticks/drains.ts';

const OURS = 'certyo-cdc, canonical bytes';

/** The replication source alone. */
export const sourceBenchmark: Benchmark = {
  name: 'source',
  summary:
    'The replication source to a sink that drops canonical bytes, beside other clients that do nothing but decode.',
  rounds: { full: 5, quick: 1 },
  run: async ({ isQuick, rounds, say, signal }) => {
    const size = isQuick ? QUICK_SIZE : FULL_SIZE;
    await using wal = await RecordedWal.write(size, { signal });
    say(`PostgreSQL ${wal.server.version}, ${size.rows} rows in ${size.transactions} transactions`);
    const ours = new URL('./ours-process.ts', import.meta.url);
    const measures = await pairedRounds(
      [
        childDrain(OURS, ours, wal, signal),
        pgLogicalReplicationDrain(wal, signal),
        pgwireDrain(wal, signal),
        postgresJsDrain(wal, size, signal),
        ...fastestDrains(wal, signal, say),
        restingDrain(wal, signal),
        childDrain(OURS, ours, wal, signal, { isOnceMore: true }),
        pgLogicalReplicationDrain(wal, signal, { isOnceMore: true }),
      ],
      { rounds, signal, onMeasure: (...turn) => say(drainLine(...turn)) },
    );
    const ratio = ratioOf(measures, OURS, PG_LOGICAL_REPLICATION, cpuSecondsPerMillion);
    const onceMore = ratioOf(
      measures,
      OURS + ONCE_MORE,
      PG_LOGICAL_REPLICATION + ONCE_MORE,
      cpuSecondsPerMillion,
    );
    const summary = drainSummary('The replication source', 'source', measures);
    return {
      ...summary,
      notes: [RESTING_NOTE, ONCE_MORE_NOTE],
      figures: {
        ...figure('cpuVsPgLogicalReplication', ratio),
        ...figure('vsFastestDrain', ratioOf(measures, OURS, FASTEST_DRAINS, rowsPerSecond)),
        ...figure('vsRestingDrain', ratioOf(measures, OURS, RESTING_READER, rowsPerSecond)),
        ...figure('onceMoreCpuVsPgLogicalReplication', onceMore),
        ...summary.figures,
        postgres: wal.server.version,
      },
    };
  },
};
