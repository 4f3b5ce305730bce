import type { SqlExecutor, SqlSession } from '@certyo-cdc/postgres';

import type { LedgerAccess } from '../receipts/ledger-access.ts';
import { recordKey } from '../receipts/record-key.ts';
import { type Audited, readRecorded } from './audited.ts';
import type { CertyoQuestions } from './explain.ts';
import type { Judgement, Rendering } from './judge.ts';
import type { NewestReceipt } from './newest-receipts.ts';
import { runAll } from './run-all.ts';
import { boundariesSql, type KeyRange, rowsSql, textsOf } from './rows-sql.ts';
import { inSnapshot } from './snapshot.ts';
import type { Suspect } from './suspect.ts';
import { addTally, countSettled, newTally, type Tally } from './tally.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** A worker's connections. */
export interface Worker {
  readonly rows: SqlSession;
  readonly ledger: LedgerAccess;
}

/** What one part of a table gave. */
interface Part {
  readonly tally: Tally;
  readonly suspects: Suspect[];
  /** Why rows could not be compared. */
  readonly reasons: Map<string, number>;
}

export interface ScanOptions extends CallOptions {
  readonly snapshot: string;
  /** Where to begin; null at the beginning. */
  readonly after: readonly string[] | null;
  readonly chunkRows: number;
  /** Asks Certyo about each row that is as it was recorded; null: about none. */
  readonly questions: CertyoQuestions | null;
  /** Everything up to this key was compared; null: all. */
  readonly onPart: (upTo: readonly string[] | null, suspects: readonly Suspect[]) => Promise<void>;
}

const FIRST_FETCH = 100;
const MOST_FETCHED = 2_000;
/** Texts of rows that are fetched together, about. */
const FETCH_BYTES = 4 * 1024 * 1024;

/** Compares every row of a table, part by part, as the snapshot shows it. */
export async function scanTable(
  audited: Audited,
  coordinator: SqlExecutor,
  workers: readonly Worker[],
  options: ScanOptions,
): Promise<void> {
  const { after, chunkRows, questions, signal, snapshot } = options;
  const { shape } = audited;
  const { rows } = await coordinator.query(boundariesSql(shape, after, chunkRows), [], { signal });
  const ends = rows.map((row) => shape.key.map((_, index) => row[`k${String(index)}`] ?? ''));
  const ranges = [...ends, null].map((upTo, index): KeyRange => ({
    after: ends[index - 1] ?? after,
    upTo,
  }));
  const finished = new Map<number, Part>();
  let next = 0;
  let told = 0;
  let telling: Promise<void> = Promise.resolve();
  // How far the table was compared is told in order, whichever worker is first.
  const tell = async (): Promise<void> => {
    for (let part = finished.get(told); part !== undefined; part = finished.get(told)) {
      finished.delete(told);
      addTally(audited.tally, part.tally);
      for (const [reason, rows] of part.reasons) countReason(audited, reason, rows);
      const { upTo } = ranges[told] ?? { upTo: null };
      told += 1;
      await options.onPart(upTo, part.suspects);
    }
  };
  await runAll(
    workers,
    ({ ledger, rows: session }, within) =>
      inSnapshot(
        session,
        { snapshot, locks: [] },
        async (executor) => {
          for (let index = next; index < ranges.length; index = next) {
            next = index + 1;
            const range = ranges[index];
            if (range === undefined) return;
            finished.set(
              index,
              await scanPart(audited, { executor, ledger, questions }, range, within),
            );
            telling = telling.then(tell);
            await telling;
          }
        },
        within,
      ),
    { signal },
  );
}

interface Tools extends Pick<Worker, 'ledger'> {
  readonly executor: SqlExecutor;
  readonly questions: CertyoQuestions | null;
}

async function scanPart(
  audited: Audited,
  tools: Tools,
  range: KeyRange,
  options: CallOptions,
): Promise<Part> {
  const { executor } = tools;
  const { shape } = audited;
  const part: Part = { tally: newTally(), suspects: [], reasons: new Map() };
  await executor.query(
    `DECLARE certyo_audit NO SCROLL CURSOR FOR ${rowsSql(shape, range)}`,
    [],
    options,
  );
  let fetch = FIRST_FETCH;
  for (;;) {
    const { rows } = await executor.query(`FETCH ${String(fetch)} FROM certyo_audit`, [], options);
    const texts = rows.map((row) => textsOf(shape, row));
    await judgeRows(audited, tools, texts, part, options);
    if (rows.length < fetch) break;
    const bytes = texts.reduce((sum, row) => sum + sizeOf(row), 0);
    fetch = Math.max(1, Math.min(MOST_FETCHED, Math.floor((FETCH_BYTES * rows.length) / bytes)));
  }
  await executor.query('CLOSE certyo_audit', [], options);
  return part;
}

async function judgeRows(
  audited: Audited,
  { ledger, questions }: Tools,
  rows: readonly (readonly (string | null)[])[],
  { reasons, suspects, tally }: Part,
  options: CallOptions,
): Promise<void> {
  const { judge, shape, seen } = audited;
  tally.rows += rows.length;
  const records: {
    texts: readonly (string | null)[];
    rendering: Rendering & { type: 'record' };
  }[] = [];
  for (const texts of rows) {
    const rendering = judge.render(texts);
    if (rendering.type === 'record') {
      records.push({ texts, rendering });
    } else {
      audited.withoutRecord += 1;
      const judgement = judge.row(texts, rendering, { newest: null, truncate: null });
      if (!countSettled(tally, judgement) && judgement.type === 'not-comparable') {
        tally.notComparable += 1;
        reasons.set(judgement.reason, (reasons.get(judgement.reason) ?? 0) + 1);
      }
    }
  }
  if (records.length === 0) return;
  const isRefused = async (
    judgement: Judgement,
    receipt: NewestReceipt | null,
  ): Promise<boolean> => {
    if (questions === null || judgement.type !== 'unchanged') return false;
    const { row, state } = judgement;
    if (state !== 'anchored' || row === null) return false;
    return (await questions.ask(row, receipt?.recordVersion, options))?.verified === false;
  };
  const items = records.map(({ rendering }) => rendering.row.item);
  const { newest, truncate } = await readRecorded(ledger, audited, items, options);
  for (const [index, { rendering, texts }] of records.entries()) {
    const { isNamedByKey, item } = rendering.row;
    seen.add(recordKey(item));
    if (!isNamedByKey) audited.isNamedByKey = false;
    const judgement = judge.row(texts, rendering, { newest: newest[index] ?? null, truncate });
    if (!(await isRefused(judgement, newest[index] ?? null)) && countSettled(tally, judgement))
      continue;
    const { collection, database, recordId } = item;
    const key = shape.key.map((column) => texts[column.index] ?? '');
    suspects.push({ table: shape.label, database, collection, recordId, key, wasRead: true });
  }
}

export function countReason({ notComparable }: Audited, reason: string, rows: number = 1): void {
  notComparable.set(reason, (notComparable.get(reason) ?? 0) + rows);
}

function sizeOf(row: readonly (string | null)[]): number {
  return row.reduce((sum, text) => sum + 16 + (text?.length ?? 0), 0);
}
