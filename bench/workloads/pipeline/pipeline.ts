import type { PostgresServer, TestDatabase } from '@certyo-cdc/testing';
import { postgresReceiptStore } from '@certyo-cdc/verification';
import type { Benchmark } from '../../runner/benchmark.ts';
import {
  cpuSecondsPerMillion,
  type DrainMeasure,
  drainLine,
  drainSummary,
  megabytes,
  rowsPerSecond,
} from '../../runner/drain.ts';
import { pairedRounds, ratioOf, type Variant } from '../../runner/paired-rounds.ts';
import { figure, type Spread } from '../../runner/spread.ts';
import { FULL_SIZE, QUICK_SIZE } from '../../support/bench-rows.ts';
import { HttpReceiver, type ReceiverReport } from '../../support/http-receiver.ts';
import { MeasuredProcess } from '../../support/measured-process.ts';
import { RecordedWal, type WalReading } from '../../support/recorded-wal.ts';
import { benchServer } from '../../support/server.ts';
import {
  DEBEZIUM,
  DEBEZIUM_NOTES,
  DEBEZIUM_SMALL_HEAP,
  debeziumDrains,
  openDebezium,
} from '../../yardsticks/debezium/debezium.ts';
import {
  FASTEST_DRAINS,
  fastestDrains,
  RESTING_READER,
  restingDrain,
  ONCE_MORE,
  ONCE_MORE_NOTE,
  PG_LOGICAL_REPLICATION,
  pgLogicalReplicationDrain,
  RESTING_NOTE,
} from '../../yardsticks/drains.ts';
import type { PipelineInput } from './ours-process.ts';
import { receiverFigures, receiverNote } from './receiver-figures.ts';

const OURS = 'certyo-cdc, the whole pipeline';
const WITH_MAPPER = 'certyo-cdc, mapper reads all columns';
const WITH_RECEIPTS = 'certyo-cdc, every receipt stored';

const DEBEZIUMS = [DEBEZIUM, DEBEZIUM_SMALL_HEAP];

const NOTES = [
  'The rows of the pipeline count when the receiver has answered for all of them, the checkpoint is saved and the slot stands behind them; CPU and memory are those of the client process, from the open stream on.',
  'pg-logical-replication does nothing but decode: it delivers nothing and acknowledges by its timer only.',
  'Receipts are kept in a server of their own on the same cores, each before its row is acknowledged, in a ledger that is empty at first.',
  RESTING_NOTE,
  ONCE_MORE_NOTE,
];

/** Everything, until everything is acknowledged. */
export const pipelineBenchmark: Benchmark = {
  name: 'pipeline',
  summary:
    'Rows from the log to an HTTP server until everything is acknowledged, beside those who only read.',
  rounds: { full: 9, quick: 1 },
  run: async ({ isQuick, rounds, say, signal }) => {
    const size = isQuick ? QUICK_SIZE : FULL_SIZE;
    const debezium = await openDebezium({ say, signal });
    await using receiver = await HttpReceiver.start(signal);
    await using wal = await RecordedWal.write(size, { signal });
    await using ledger = await benchServer({ signal });
    say(`PostgreSQL ${wal.server.version}, ${size.rows} rows in ${size.transactions} transactions`);
    if (typeof debezium === 'string') say(`skipped: ${debezium}`);
    const reports: ReceiverReport[] = [];
    const ours = (name: string, how: Partial<PipelineRun> = {}): Variant<DrainMeasure> =>
      pipelineDrain(name, { wal, receiver, signal, ...how }, (report) => {
        if (name === OURS) reports.push(report);
      });
    const measures = await pairedRounds(
      [
        ours(OURS),
        ...fastestDrains(wal, signal, say),
        restingDrain(wal, signal),
        ours(WITH_MAPPER, { hasMapper: true }),
        ours(WITH_RECEIPTS, { ledger }),
        pgLogicalReplicationDrain(wal, signal),
        ours(OURS + ONCE_MORE, { isOnceMore: true }),
        pgLogicalReplicationDrain(wal, signal, { isOnceMore: true }),
        ...(typeof debezium === 'string' ? [] : debeziumDrains(debezium, wal, receiver, signal)),
      ],
      { rounds, signal, onMeasure: (...turn) => say(drainLine(...turn)) },
    );
    const summary = drainSummary('The whole pipeline', 'pipeline', measures);
    const cpuRatio = (name: string, theirs = PG_LOGICAL_REPLICATION): Spread =>
      ratioOf(measures, name, theirs, cpuSecondsPerMillion);
    return {
      ...summary,
      notes: [
        ...NOTES,
        receiverNote(reports),
        ...(typeof debezium === 'string' ? [] : DEBEZIUM_NOTES),
      ],
      figures: {
        ...figure('vsFastestDrain', ratioOf(measures, OURS, FASTEST_DRAINS, rowsPerSecond)),
        ...figure('vsRestingDrain', ratioOf(measures, OURS, RESTING_READER, rowsPerSecond)),
        ...figure(
          'vsFastestDrainWithReceipts',
          ratioOf(measures, WITH_RECEIPTS, FASTEST_DRAINS, rowsPerSecond),
        ),
        ...figure('cpuVsPgLogicalReplication', cpuRatio(OURS)),
        ...figure('cpuWithMapperVsPgLogicalReplication', cpuRatio(WITH_MAPPER)),
        ...figure(
          'onceMoreVsFastestDrain',
          ratioOf(measures, OURS + ONCE_MORE, FASTEST_DRAINS, rowsPerSecond),
        ),
        ...figure(
          'onceMoreCpuVsPgLogicalReplication',
          cpuRatio(OURS + ONCE_MORE, PG_LOGICAL_REPLICATION + ONCE_MORE),
        ),
        ...(typeof debezium === 'string'
          ? { vsDebezium: null, rssVsDebezium: null, debezium }
          : {
              // The faster of both; the memory is that of each.
              ...figure('vsDebezium', ratioOf(measures, OURS, DEBEZIUMS, rowsPerSecond)),
              ...figure('rssVsDebezium', ratioOf(measures, OURS, DEBEZIUM, megabytes)),
              ...figure(
                'rssVsDebeziumSmallHeap',
                ratioOf(measures, OURS, DEBEZIUM_SMALL_HEAP, megabytes),
              ),
              debezium: debezium.version,
            }),
        receiver: receiverFigures(reports),
        ...summary.figures,
        postgres: wal.server.version,
      },
    };
  },
};

interface PipelineRun {
  readonly wal: RecordedWal;
  readonly receiver: HttpReceiver;
  readonly signal: AbortSignal;
  readonly hasMapper?: boolean;
  /** Whether the same process did all of it once before, which is not measured. @default false */
  readonly isOnceMore?: boolean;
  /** The server of the receipts, where they are kept. */
  readonly ledger?: PostgresServer;
}

function pipelineDrain(
  name: string,
  { hasMapper = false, isOnceMore = false, ledger, receiver, signal, wal }: PipelineRun,
  onReport: (report: ReceiverReport) => void,
): Variant<DrainMeasure> {
  const program = new URL('./ours-process.ts', import.meta.url);
  const drain = async (
    child: MeasuredProcess,
    reading: WalReading,
    receipts: TestDatabase | null,
  ): Promise<DrainMeasure> => {
    const input: PipelineInput = {
      ...reading,
      receiver: receiver.url,
      hasMapper,
      receipts: receipts?.url ?? null,
    };
    await receiver.begin();
    const measure = await child.ask<DrainMeasure>('drain', input);
    const report = await receiver.end();
    const kept = receipts === null ? reading.rows : await countReceipts(receipts);
    if (
      report.records !== reading.rows ||
      kept !== reading.rows ||
      !(await wal.isAcknowledged(reading.slot))
    ) {
      throw new Error(
        `${report.records} of ${reading.rows} rows came, ${kept} receipts are kept, or the slot stands still.`,
      );
    }
    onReport(report);
    return measure;
  };
  return {
    name,
    measure: async () => {
      await using child = await MeasuredProcess.start(program, { signal });
      const measure = (): Promise<DrainMeasure> =>
        wal.reading(async (reading) => {
          if (ledger === undefined) return await drain(child, reading, null);
          // A ledger of its own each time: what a full one costs is another question.
          await using database = await ledger.createDatabase();
          await using store = postgresReceiptStore({ connection: database.url });
          await store.setup({ signal });
          return await drain(child, reading, database);
        });
      if (isOnceMore) await measure();
      return await measure();
    },
  };
}

async function countReceipts(database: TestDatabase): Promise<number> {
  const [row] = await database.query<{ count: string }>('SELECT count(*) FROM certyo.receipts');
  return Number(row?.count);
}
