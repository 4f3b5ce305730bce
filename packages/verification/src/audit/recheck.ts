import type { SqlSession } from '@certyo-cdc/postgres';

import type { LedgerAccess } from '../receipts/ledger-access.ts';
import { recordKey } from '../receipts/record-key.ts';
import { type Audited, mayBeWithoutRecord, readRecorded } from './audited.ts';
import type { Judgement, Rendering } from './judge.ts';
import { type FoundRow, lookUp } from './lookup.ts';
import { type NewestReceipt, versionWith } from './newest-receipts.ts';
import type { Suspect } from './suspect.ts';

/** What became of a suspect. */
export interface Settled {
  readonly audited: Audited;
  readonly suspect: Suspect;
  readonly judgement: Judgement;
  readonly newest: NewestReceipt | null;
  /** The newest receipt that says that the whole table was emptied. */
  readonly truncate: NewestReceipt | null;
  /** The key of the row as PostgreSQL's text; null where it cannot be told. */
  readonly key: readonly string[] | null;
  /** The row as it is now; null where there is none. */
  readonly row: {
    readonly texts: readonly (string | null)[];
    readonly rendering: Rendering;
  } | null;
}

export interface RecheckParts {
  readonly tables: ReadonlyMap<string, Audited>;
  readonly rows: SqlSession;
  readonly ledger: LedgerAccess;
  /** Resolves when everything that is visible has its receipt. */
  readonly wait: () => Promise<void>;
  readonly maxLooks: number;
  /** When the audit began, by the ledger's clock. */
  readonly since: string;
  readonly onSettled: (settled: Settled) => Promise<void>;
  readonly onRound: (left: number) => void;
}

interface CallOptions {
  readonly signal: AbortSignal;
}

/** A suspect as it was at the last look. */
interface Look {
  readonly suspect: Suspect;
  readonly audited: Audited;
  readonly writer: string | null;
  readonly fingerprint: string | null;
}

const BATCH = 500;
/** It does not belong to what is audited, or not any more. */
const GONE: Judgement = { type: 'gone' };
const MAY_BE_SKIPPED =
  'the newest receipt says that there is a row, and none was found: it may be one that no record is made of now';
const RECORDED: Judgement = { type: 'unchanged', state: 'pending', isPartial: false, row: null };

/**
 * Looks at suspects again until each is settled: a row is looked at, then everything that was committed gets its receipt, then
 * receipts and row are read. A row that was not written in between is to be judged by its newest receipt; one that was is looked at again.
 *
 * @returns Those that were written each time.
 */
export async function recheck(
  suspects: readonly Suspect[],
  parts: RecheckParts,
  options: CallOptions,
): Promise<readonly Suspect[]> {
  let left = distinct(suspects);
  // Where only the record is known, looking again shows nothing new.
  const hopeless: Suspect[] = [];
  for (let look = 0; look < parts.maxLooks && left.length > 0; look += 1) {
    parts.onRound(left.length);
    const looks: Look[] = [];
    for (const group of groups(left, parts.tables))
      looks.push(...(await firstLook(group, parts, options)));
    await parts.wait();
    const moved: Suspect[] = [];
    for (const group of grouped(looks)) moved.push(...(await secondLook(group, parts, options)));
    for (const each of moved) if (each.key === null) hopeless.push(each);
    left = moved.filter(({ key }) => key !== null);
  }
  return [...left, ...hopeless];
}

interface Group<T> {
  readonly audited: Audited;
  readonly items: readonly T[];
}

async function firstLook(
  { audited, items }: Group<Suspect>,
  parts: RecheckParts,
  options: CallOptions,
): Promise<readonly Look[]> {
  const found = await lookUpAll(parts.rows, audited, items, options);
  return items.map((suspect, index) => {
    const row = found[index] ?? null;
    return {
      suspect,
      audited,
      writer: row?.writer ?? null,
      fingerprint: fingerprintOf(audited, row),
    };
  });
}

async function secondLook(
  { audited, items }: Group<Look>,
  parts: RecheckParts,
  options: CallOptions,
): Promise<readonly Suspect[]> {
  const suspects = items.map(({ suspect }) => suspect);
  // Receipts first: what is written after them makes the row another one.
  const { newest, truncate } = await readRecorded(parts.ledger, audited, suspects, options);
  const found = await lookUpAll(parts.rows, audited, suspects, options);
  const moved: Suspect[] = [];
  for (const [index, look] of items.entries()) {
    const { suspect } = look;
    const row = found[index] ?? null;
    const recorded = { newest: newest[index] ?? null, truncate };
    const settled = { audited, suspect, ...recorded, key: row?.key ?? null };
    if (row === null || row.texts === null) {
      const judgement = audited.judge.gone(recorded);
      const isOurs = row === null ? !isCut(audited) : row.isAudited;
      if (!isOurs) {
        await parts.onSettled({ ...settled, judgement: GONE, row: null });
        continue;
      }
      const isSettled =
        judgement.type !== 'wrong' ||
        (row === null
          ? // Only its record is known: it was there before the rows were read, so the row should have been among them.
            audited.isWholeSeen && (recorded.newest?.storedAt ?? '') < parts.since
          : look.fingerprint === null && look.writer === null);
      // Nobody knows which row it was: what is certain is that no row makes this record now.
      const isUnsure = judgement.type === 'wrong' && mayBeWithoutRecord(audited);
      const said = isUnsure ? { ...judgement, reason: MAY_BE_SKIPPED } : judgement;
      if (isSettled) await parts.onSettled({ ...settled, judgement: said, row: null });
      else moved.push(suspect);
      continue;
    }
    if (!row.isAudited) {
      await parts.onSettled({ ...settled, judgement: GONE, row: null });
      continue;
    }
    const { texts } = row;
    const rendering = audited.judge.render(texts);
    const judgement = audited.judge.row(texts, rendering, recorded);
    const isSame = row.writer === look.writer && fingerprintOf(audited, row) === look.fingerprint;
    const isWrong = judgement.type === 'wrong' || judgement.type === 'not-comparable';
    if (isWrong && !isSame) {
      if (!(await wasRecorded(look, parts, options))) {
        moved.push(suspect);
        continue;
      }
      await parts.onSettled({ ...settled, judgement: RECORDED, row: null });
      continue;
    }
    await parts.onSettled({ ...settled, judgement, row: { texts, rendering } });
  }
  return moved;
}

/** Whether only a part of the table is audited: a record whose key is not known may then belong to the rest. */
function isCut({ shape: { settings } }: Audited): boolean {
  return settings.from !== null || settings.to !== null;
}

/** Whether what a row was at the last look has got its receipt since the audit began: it is written all the time, and delivered. */
async function wasRecorded(
  { fingerprint, suspect }: Look,
  { ledger, since }: RecheckParts,
  options: CallOptions,
): Promise<boolean> {
  if (fingerprint === null) return false;
  return (await versionWith(ledger, suspect, fingerprint, since, options)) !== null;
}

async function lookUpAll(
  session: SqlSession,
  audited: Audited,
  suspects: readonly Suspect[],
  options: CallOptions,
): Promise<readonly (FoundRow | null)[]> {
  const keyed = suspects.flatMap((suspect) => {
    const { key } = suspect;
    return key === null ? [] : [{ ...suspect, key }];
  });
  const found = await lookUp(session, audited, keyed, options);
  let next = 0;
  return suspects.map(({ key }) => {
    if (key === null) return null;
    next += 1;
    return found[next - 1] ?? null;
  });
}

function fingerprintOf(audited: Audited, row: FoundRow | null): string | null {
  if (row === null || row.texts === null) return null;
  const rendering = audited.judge.render(row.texts);
  return rendering.type === 'record' ? rendering.row.fingerprint : rendering.type;
}

function distinct(suspects: readonly Suspect[]): readonly Suspect[] {
  return [...new Map(suspects.map((suspect) => [recordKey(suspect), suspect])).values()];
}

function groups(
  suspects: readonly Suspect[],
  tables: ReadonlyMap<string, Audited>,
): readonly Group<Suspect>[] {
  return grouped(
    suspects.flatMap((suspect) => {
      const audited = tables.get(suspect.table);
      return audited === undefined ? [] : [{ audited, suspect }];
    }),
  ).map(({ audited, items }) => ({ audited, items: items.map(({ suspect }) => suspect) }));
}

/** By table, not too many at a time. */
function grouped<T extends { readonly audited: Audited }>(
  items: readonly T[],
): readonly Group<T>[] {
  const byTable = new Map<Audited, T[]>();
  for (const item of items) {
    const list = byTable.get(item.audited);
    if (list === undefined) byTable.set(item.audited, [item]);
    else list.push(item);
  }
  return [...byTable].flatMap(([audited, all]) =>
    Array.from({ length: Math.ceil(all.length / BATCH) }, (_, index) => ({
      audited,
      items: all.slice(index * BATCH, (index + 1) * BATCH),
    })),
  );
}
