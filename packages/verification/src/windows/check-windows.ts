import type { CertyoClient, EventCounts } from '@certyo-cdc/core';

import { Questions } from '../online/questions.ts';
import type { KeptReceipt } from '../receipts/kept-receipt.ts';
import type { PostgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import { ChainCheck, type WindowProblem } from './chain-check.ts';
import type { PostgresWindowStore } from './postgres-window-store.ts';
import { readWindow, type StoredWindow, windowRecord, windowVersion } from './window.ts';

/** Options of `checkWindows`. */
export interface CheckWindowsOptions {
  readonly windows: PostgresWindowStore;
  readonly pipeline: string;
  /** Where the receipts of the windows are. Without them a chain that was written anew as a whole looks intact. */
  readonly receipts?: Pick<PostgresReceiptStore, 'history'> | undefined;
  /** Asks Certyo about each window that has a receipt, one request each. Finds also what was altered with its receipt. */
  readonly client?: CertyoClient | undefined;
  /** `database` of the windows' records. @default the name of the pipeline */
  readonly database?: string | undefined;
  readonly signal: AbortSignal;
}

/** What a check of a chain has found. */
export interface WindowCheck {
  readonly pipeline: string;
  readonly windows: number;
  /** True when nothing is wrong. Windows that are uncounted, or not anchored yet, are told below and are nothing wrong. */
  readonly ok: boolean;
  /** The first window that is wrong. */
  readonly first: WindowProblem | null;
  /** All that is wrong, in the order of the windows. */
  readonly problems: readonly WindowProblem[];
  /** Windows about whose stretch nothing is known. */
  readonly uncounted: readonly number[];
  /** How many windows have which state of anchoring; null where no receipts were given. */
  readonly anchoring: {
    readonly anchored: number;
    readonly pending: number;
    readonly failed: number;
    readonly withoutReceipt: number;
  } | null;
  /** How many Certyo confirmed; null where it was not asked. */
  readonly confirmed: number | null;
  /** Sums over all windows, by table and operation. */
  readonly totals: readonly EventCounts[];
}

const PAGE = 1000;

/**
 * Recomputes the chain of windows of a pipeline and names the first one that was altered or removed.
 *
 * Checked are each window's hash, the hashes by which windows name the ones before them, that each begins where the one before
 * ends, that counts add up, where the chain ends, and, as far as given, that receipts and Certyo say the same.
 *
 * @throws {WindowError} The windows could not be read.
 * @throws {ReceiptError} The receipts could not be read.
 * @example
 * const { ok, first } = await checkWindows({ windows, receipts, pipeline: 'orders', signal });
 */
export async function checkWindows(options: CheckWindowsOptions): Promise<WindowCheck> {
  const { client, pipeline, signal, windows } = options;
  const receipts = await receiptsOf(options);
  const end = await windows.end(pipeline, { signal });
  const check = new ChainCheck({
    pipeline,
    receipts: new Map(
      [...receipts].map(([number, receipt]) => [number, receipt.payloadFingerprint]),
    ),
    end,
  });
  const totals = new Totals();
  const questions = client === undefined ? null : new Questions(client);
  const refuted: WindowProblem[] = [];
  let [confirmed, count] = [0, 0];
  try {
    for (let after = 0; ;) {
      const page = await windows.list(pipeline, { after, limit: PAGE, signal });
      for (const window of page) {
        // Closed while this runs.
        if (end !== null && window.number > end.number) continue;
        count += 1;
        check.add(window);
        totals.add(window);
        const receipt = receipts.get(window.number);
        if (questions === null || receipt === undefined) continue;
        const { answer } = await questions.ask({ ...receipt, payload: window.content }, { signal });
        if (answer === 'anchored') confirmed += 1;
        if (answer === 'differs') {
          const detail = 'Certyo says that it is not what was anchored.';
          refuted.push({ number: window.number, kind: 'refuted', detail });
        }
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = last.number;
    }
  } finally {
    questions?.release();
  }
  const problems = [...check.problems(), ...refuted].sort(
    (one, other) => one.number - other.number,
  );
  const states = (state: KeptReceipt['state']): number =>
    [...receipts.values()].filter((receipt) => receipt.state === state).length;
  return {
    pipeline,
    windows: count,
    ok: problems.length === 0,
    first: problems[0] ?? null,
    problems,
    uncounted: check.uncounted,
    anchoring:
      options.receipts === undefined
        ? null
        : {
            anchored: states('anchored'),
            pending: states('pending'),
            failed: states('failed'),
            withoutReceipt: Math.max(count - receipts.size, 0),
          },
    confirmed: questions === null ? null : confirmed,
    totals: totals.counts(),
  };
}

async function receiptsOf({
  database,
  pipeline,
  receipts,
  signal,
}: CheckWindowsOptions): Promise<ReadonlyMap<number, KeptReceipt>> {
  const history = await receipts?.history(windowRecord(pipeline, database), { signal });
  const byNumber = new Map<number, KeptReceipt>();
  for (const receipt of history ?? []) {
    const number = Number(receipt.recordVersion);
    // Where there are two of one window, the first says what it was.
    if (receipt.recordVersion === windowVersion(number) && !byNumber.has(number)) {
      byNumber.set(number, receipt);
    }
  }
  return byNumber;
}

class Totals {
  readonly #sums = new Map<
    string,
    Record<'captured' | 'delivered' | 'skipped' | 'parked', number> &
      Pick<EventCounts, 'table' | 'operation'>
  >();

  add({ content }: StoredWindow): void {
    for (const counts of readWindow(content)?.counts ?? []) {
      const { operation, table } = counts;
      const key = `${table} ${operation}`;
      const sum = this.#sums.get(key) ?? {
        table,
        operation,
        captured: 0,
        delivered: 0,
        skipped: 0,
        parked: 0,
      };
      for (const name of ['captured', 'delivered', 'skipped', 'parked'] as const)
        sum[name] += counts[name];
      this.#sums.set(key, sum);
    }
  }

  counts(): readonly EventCounts[] {
    return [...this.#sums].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, sum]) => sum);
  }
}
