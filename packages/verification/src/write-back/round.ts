import type { SqlExecutor } from '@certyo-cdc/postgres';

import type { LedgerAccess } from '../receipts/ledger-access.ts';
import { recordKey } from '../receipts/record-key.ts';
import type { ColumnWriter, StatusWrite, WriteOutcome } from './column-writer.ts';
import type { WriteBackRound } from './events.ts';
import { LoopDetector } from './loop-detector.ts';
import { openRows } from './open-rows.ts';
import type { NormalizedWriteBackOptions } from './options.ts';
import type { QueuedReceipt, QueueEntry, Taken, WriteBackQueue } from './queue.ts';
import { writeSideTable } from './side-table.ts';
import { codeOf, type TargetAccess } from './target-access.ts';
import type { ColumnWriters } from './write-columns.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** What rounds work with. */
export interface RoundParts {
  readonly options: NormalizedWriteBackOptions;
  readonly ledger: LedgerAccess;
  readonly target: TargetAccess;
  readonly queue: WriteBackQueue;
  readonly writers: ColumnWriters;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };
type Counts = Mutable<Omit<WriteBackRound, 'durationMs'>>;

/** A receipt with the row that it is about. */
interface RowWrite {
  readonly receipt: QueuedReceipt;
  readonly write: StatusWrite;
}

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 60_000;
const SWEEP_ROWS = 500;
/** The session of the ledger stands still while rows are written and locks are waited for, longer than transactions of state may. */
const STAND_STILL_SQL =
  "SELECT pg_catalog.set_config('idle_in_transaction_session_timeout', '25s', true)";

/** Works the queue off. */
export class WriteBackRounds {
  readonly #parts: RoundParts;
  readonly #detector = new LoopDetector();
  #sweptAtMs = -Infinity;

  constructor(parts: RoundParts) {
    this.#parts = parts;
  }

  /** Until nothing is due any more; what somebody has locked is due later. */
  async run(options: CallOptions): Promise<WriteBackRound> {
    const settings = this.#parts.options;
    const startedAtMs = settings.time.now();
    const counts: Counts = {
      taken: 0,
      sideTable: 0,
      written: 0,
      kept: 0,
      newer: 0,
      gone: 0,
      busy: 0,
    };
    await this.#workOff(counts, options);
    if (await this.#sweep(options)) await this.#workOff(counts, options);
    return { ...counts, durationMs: settings.time.now() - startedAtMs };
  }

  async #workOff(counts: Counts, options: CallOptions): Promise<void> {
    const { ledger, options: settings, queue } = this.#parts;
    for (;;) {
      options.signal.throwIfAborted();
      await this.#lookForEchoes(options);
      // The entries stay locked while they are written, and are there still when this dies.
      const isDone = await ledger.write(async (executor) => {
        await executor.query(STAND_STILL_SQL, [], options);
        const taken = await queue.take(executor, settings.batchSize, options);
        await this.#apply(taken, executor, counts, options);
        return taken.receipts.length + taken.obsolete.length === 0;
      }, options);
      if (isDone) return;
    }
  }

  /** Queues what is anchored and has rows that do not say so. True when there is any. */
  async #sweep(options: CallOptions): Promise<boolean> {
    const { ledger, options: settings, queue, target, writers } = this.#parts;
    const { sweepIntervalMs, time } = settings;
    if (!settings.toColumns || sweepIntervalMs === false) return false;
    if (time.now() - this.#sweptAtMs < sweepIntervalMs) return false;
    let queued = 0;
    for (const table of settings.tables) {
      const writer = writers.of(table);
      if (writer === null) continue;
      for await (const page of openRows(target, writer, SWEEP_ROWS, options)) {
        const keys = page.flatMap(({ draft }) => (draft === null ? [] : [recordKey(draft)]));
        queued += await ledger.write(
          (executor) => queue.addAnchored(executor, keys, options),
          options,
        );
      }
    }
    this.#sweptAtMs = time.now();
    return queued > 0;
  }

  async #apply(
    { obsolete, receipts }: Taken,
    executor: SqlExecutor,
    counts: Counts,
    options: CallOptions,
  ): Promise<void> {
    const { options: settings, queue } = this.#parts;
    counts.taken += receipts.length;
    this.#detector.saw(
      receipts.map(({ payloadFingerprint: fingerprint, recordKey: key }) => ({
        recordKey: key,
        fingerprint,
      })),
    );
    const newest = newestOf(receipts);
    const busy: QueueEntry[] = [];
    if (settings.toSideTable && !(await this.#writeSide(newest, counts, options))) {
      busy.push(...newest);
    } else if (settings.toColumns) {
      busy.push(...(await this.#writeColumns(newest, executor, counts, options)));
    }
    counts.busy += busy.length;
    const isBusy = new Set(busy);
    await queue.remove(
      executor,
      [...obsolete, ...receipts.filter((receipt) => !isBusy.has(receipt))],
      options,
    );
    const delayMs = ({ attempts }: QueueEntry): number =>
      Math.min(FIRST_DELAY_MS * 2 ** Math.min(attempts, 20), LONGEST_DELAY_MS);
    await queue.postpone(executor, busy, delayMs, options);
  }

  /** False where it would have had to wait too long. */
  async #writeSide(
    receipts: readonly QueuedReceipt[],
    counts: Counts,
    options: CallOptions,
  ): Promise<boolean> {
    const { options: settings, target } = this.#parts;
    try {
      counts.sideTable += await target.write(
        (executor) => writeSideTable(executor, settings.place.schema, receipts, options),
        options,
      );
      return true;
    } catch (error) {
      if (codeOf(error) === '55P03') return false;
      throw error;
    }
  }

  /** Gives those back that somebody has locked. */
  async #writeColumns(
    receipts: readonly QueuedReceipt[],
    executor: SqlExecutor,
    counts: Counts,
    options: CallOptions,
  ): Promise<readonly QueueEntry[]> {
    const busy: QueueEntry[] = [];
    for (const [writer, rows] of this.#byTable(receipts, counts)) {
      const writes = rows.map(({ write }) => write);
      const before = await this.#parts.queue.echoes(executor, rows.map(toWritten), options);
      const outcomes = await this.#parts.writers.write(writer, writes, options);
      const are = (wanted: WriteOutcome): readonly RowWrite[] =>
        rows.filter((_row, index) => outcomes[index] === wanted);
      for (const name of ['written', 'kept', 'newer', 'gone'] as const) {
        counts[name] += are(name).length;
      }
      busy.push(...are('busy').map(({ receipt }) => receipt));
      const isWritten = (_each: unknown, index: number): boolean => outcomes[index] === 'written';
      this.#detector.wrote(
        rows.filter(isWritten).map(toWritten),
        before.filter(isWritten),
        this.#parts.options.time.now(),
      );
    }
    return busy;
  }

  #byTable(
    receipts: readonly QueuedReceipt[],
    counts: Counts,
  ): ReadonlyMap<ColumnWriter, readonly RowWrite[]> {
    const { options: settings, writers } = this.#parts;
    const tables = new Map<ColumnWriter, RowWrite[]>();
    for (const receipt of receipts) {
      const writer = receipt.table === null ? null : writers.of(receipt.table);
      if (receipt.table === null || writer === null) continue;
      if (receipt.operationType === 'delete') continue;
      const key = settings.keyOf === null ? keyOf(receipt) : settings.keyOf(receipt);
      if (key === null) {
        counts.gone += 1;
      } else if (!receipt.isNewest) {
        counts.newer += 1;
      } else {
        const list = tables.get(writer) ?? [];
        list.push({ receipt, write: toWrite(receipt, key) });
        tables.set(writer, list);
      }
    }
    return tables;
  }

  async #lookForEchoes(options: CallOptions): Promise<void> {
    const { ledger, options: settings, queue } = this.#parts;
    const recent = this.#detector.recent(settings.time.now());
    if (recent.length === 0) return;
    const echoes = await ledger.run('read', options.signal, () =>
      queue.echoes(ledger.session, recent, options),
    );
    this.#detector.judge(echoes);
  }
}

/** Of each record the newest version, in the order of the keys. Of the others nothing is to be written any more. */
function newestOf(receipts: readonly QueuedReceipt[]): readonly QueuedReceipt[] {
  const newest = new Map<string, QueuedReceipt>();
  for (const receipt of receipts) {
    const other = newest.get(receipt.recordKey);
    if (other === undefined || other.recordVersion <= receipt.recordVersion) {
      newest.set(receipt.recordKey, receipt);
    }
  }
  return [...newest.values()];
}

/** What the default mapping has made a record id of: the key's text, or those of several columns as a JSON array. */
function keyOf({ recordId, table }: QueuedReceipt): readonly string[] | null {
  if (table?.keyColumns === 1) return [recordId];
  try {
    const texts: unknown = JSON.parse(recordId);
    const isKey =
      Array.isArray(texts) &&
      texts.length === table?.keyColumns &&
      texts.every((text) => typeof text === 'string');
    return isKey ? texts : null;
  } catch {
    return null;
  }
}

function toWrite(receipt: QueuedReceipt, key: readonly string[]): StatusWrite {
  return {
    key,
    recordId: receipt.recordId,
    fingerprint: receipt.payloadFingerprint,
    columns: receipt.table?.columns ?? null,
    status: receipt.state,
    recordHash: receipt.recordHash,
  };
}

function toWritten({ receipt }: RowWrite): {
  readonly recordKey: string;
  readonly recordVersion: string;
  readonly fingerprint: string;
} {
  const { payloadFingerprint: fingerprint, recordKey, recordVersion } = receipt;
  return { recordKey, recordVersion, fingerprint };
}
