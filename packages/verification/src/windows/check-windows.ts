import type { CertyoClient, CheckpointStore, EventCounts } from '@certyo-cdc/core';

import { type ListedVersion, listedVersions } from '../online/listed-versions.ts';
import { Questions } from '../online/questions.ts';
import type { KeptReceipt } from '../receipts/kept-receipt.ts';
import type { PostgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import { ChainCheck, type WindowProblem } from './chain-check.ts';
import type { PostgresWindowStore } from './postgres-window-store.ts';
import { checkReach } from './reached.ts';
import { readWindow, type StoredWindow, windowRecord, windowVersion } from './window.ts';

/** Options of `checkWindows`. */
export interface CheckWindowsOptions {
  readonly windows: PostgresWindowStore;
  readonly pipeline: string;
  /** Where the receipts of the windows are. Without them a chain that was written anew as a whole looks intact. */
  readonly receipts?: Pick<PostgresReceiptStore, 'history'> | undefined;
  /**
   * Where the pipeline keeps its checkpoint. Finds also an end of the chain that was cut off with its receipts: nothing then leads
   * to where the pipeline is.
   */
  readonly checkpoints?: Pick<CheckpointStore, 'load'> | undefined;
  /**
   * Asks Certyo which windows it has, and about each of these, one request each. Finds also what was altered with its receipt, or
   * removed with it.
   */
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
 * ends, that counts add up, where the chain ends, and, as far as given, that receipts, the checkpoint of the pipeline and Certyo
 * say the same.
 *
 * @throws {WindowError} The windows could not be read.
 * @throws {ReceiptError} The receipts could not be read.
 * @example
 * const { ok, first } = await checkWindows({ windows, receipts, pipeline: 'orders', signal });
 */
export async function checkWindows(options: CheckWindowsOptions): Promise<WindowCheck> {
  const { checkpoints, client, pipeline, signal, windows } = options;
  const questions = client === undefined ? null : new Questions(client);
  try {
    // Before the chain is read: what was anchored by then is in it.
    const record = windowRecord(pipeline, options.database);
    const listed = questions === null ? null : await listedVersions(questions, record, { signal });
    const found = await checkChain(options, questions, byNumber(listed));
    if (checkpoints === undefined || !found.ok) return found;
    const unreached = await checkReach(windows, checkpoints, pipeline, { signal });
    return unreached === null
      ? found
      : { ...found, ok: false, first: unreached, problems: [unreached] };
  } finally {
    questions?.release();
  }
}

async function checkChain(
  options: CheckWindowsOptions,
  questions: Questions | null,
  listed: ReadonlyMap<number, ListedVersion>,
): Promise<WindowCheck> {
  const { database, pipeline, signal, windows } = options;
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
  const others: WindowProblem[] = [];
  const refuted = (number: number, detail: string): void => {
    others.push({ number, kind: 'refuted', detail });
  };
  const states = { anchored: 0, pending: 0, failed: 0, withoutReceipt: 0 };
  const later: number[] = [];
  let [confirmed, count] = [0, 0];
  for (let after = 0; ;) {
    const page = await windows.list(pipeline, { after, limit: PAGE, signal });
    for (const window of page) {
      const { number } = window;
      if (end !== null && number > end.number) {
        later.push(number);
        continue;
      }
      count += 1;
      check.add(window);
      totals.add(window);
      const receipt = receipts.get(number);
      states[receipt?.state ?? 'withoutReceipt'] += 1;
      const known = listed.get(number);
      if (questions === null || (receipt === undefined && known === undefined)) continue;
      if ((known?.hashes.size ?? 0) > 1) {
        refuted(number, 'Certyo has two records of it, which are not the same.');
        continue;
      }
      const question = {
        ...windowRecord(pipeline, database),
        recordVersion: windowVersion(number),
        recordHash: receipt?.recordHash ?? null,
        payload: window.content,
      };
      const { answer } = await questions.ask(question, { signal });
      if (answer === 'anchored') confirmed += 1;
      if (answer === 'differs') refuted(number, 'Certyo says that it is not what was anchored.');
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) break;
    after = last.number;
  }
  const newest = Math.max(end?.number ?? 0, check.newest?.number ?? 0);
  const [lost] = [...listed.keys()]
    .filter((number) => number > newest)
    .sort((one, two) => one - two);
  const [first] = await behindEnd(options, later);
  if (first !== undefined) {
    const detail = 'It stands behind the end of the chain.';
    others.push({ number: first, kind: 'misplaced', detail });
  } else if (lost !== undefined) {
    const detail = 'It is not there, and Certyo has it.';
    others.push({ number: lost, kind: 'removed', detail });
  }
  const problems = distinct([...check.problems(), ...others]);
  return {
    pipeline,
    windows: count,
    ok: problems.length === 0,
    first: problems[0] ?? null,
    problems,
    uncounted: check.uncounted,
    anchoring: options.receipts === undefined ? null : states,
    confirmed: questions === null ? null : confirmed,
    totals: totals.counts(),
  };
}

/** Windows of which Certyo has versions. */
function byNumber(
  listed: ReadonlyMap<string, ListedVersion> | null,
): ReadonlyMap<number, ListedVersion> {
  const versions = [...(listed?.values() ?? [])];
  return new Map(
    versions.flatMap((version) => {
      const number = Number(version.recordVersion);
      return version.recordVersion === windowVersion(number) ? [[number, version] as const] : [];
    }),
  );
}

/** Those that were not closed while this runs: what is closed moves the end of the chain in the same transaction. */
async function behindEnd(
  { pipeline, signal, windows }: CheckWindowsOptions,
  later: readonly number[],
): Promise<readonly number[]> {
  if (later.length === 0) return [];
  const number = (await windows.end(pipeline, { signal }))?.number ?? 0;
  return later.filter((each) => each > number);
}

/** In the order of the windows; of each what was found first. */
function distinct(problems: readonly WindowProblem[]): readonly WindowProblem[] {
  const byWindow = new Map(problems.toReversed().map((problem) => [problem.number, problem]));
  return [...byWindow.values()].sort((one, other) => one.number - other.number);
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
