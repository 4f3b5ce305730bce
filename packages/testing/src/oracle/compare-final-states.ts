import { tableLabel } from '@certyo-cdc/core/internal';
import type { CertyoEffect } from '../certyo/inspection.ts';
import type { HistoryTable, OracleQuery } from './history-table.ts';
import type { CollectionComparison, Comparison } from './compare-effects.ts';
import {
  reorderedEffects,
  distinctVersions,
  heldByRecord,
  push,
  recordName,
} from './held-effects.ts';
import { type CommittedState, digestHistory, digestPayloads, digestRows } from './row-digests.ts';

/** What a source that shows rows as it finds them can see. */
export interface FinalStateOptions {
  /**
   * Which deletes must be held: of every record; of records that are held at all (one that came and went between two
   * looks is not); or none, for a source that cannot see that a row is gone. @default 'every'
   */
  readonly deletes?: 'every' | 'of-held' | 'none' | undefined;
  /** By collection, the column that is not null when a record counts as deleted. */
  readonly softDeletes?: Readonly<Record<string, string>> | undefined;
  /** Collections whose hard deletes show the whole old row; of others only the key is compared. */
  readonly fullRows?: ReadonlySet<string> | undefined;
}

/**
 * Final states that are held against those that the database has.
 *
 * `committed` counts records whose final state must be held, `delivered`, `accepted` and `anchored` those of them whose
 * final state is held, accepted and anchored. What a source saw on the way there is only in `effects`.
 */
export interface FinalStateComparison extends Comparison {
  /** Effects that were accepted, states on the way to the final ones included. */
  readonly effects: number;
}

/** An effect and what of it is compared. */
interface HeldState {
  readonly effect: CertyoEffect;
  readonly digest: string;
}

interface Counts {
  committed: number;
  delivered: number;
  accepted: number;
  anchored: number;
  lost: number;
  duplicated: number;
  reordered: number;
  mismatched: number;
}

const PAGE = 5_000;
const MOST_EXAMPLES = 10;

/**
 * Compares record by record what is held last with the row as the database has it now, and checks that everything that
 * was held before is some committed version of that record, in the order of commits.
 *
 * lost: the final state is not held. duplicated: two effects of one version, one content twice though it was committed
 * once, or a record that never was. reordered: accepted before an earlier version, or versions in another order than
 * the commits. mismatched: a state that was never committed.
 */
export async function compareFinalStates(
  query: OracleQuery,
  tables: readonly HistoryTable[],
  effects: readonly CertyoEffect[],
  options: FinalStateOptions = {},
): Promise<FinalStateComparison> {
  const examples: string[] = [];
  const example = (text: string): void => {
    if (examples.length < MOST_EXAMPLES) examples.push(text);
  };
  const counts = {
    committed: 0,
    delivered: 0,
    accepted: 0,
    anchored: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    mismatched: 0,
  };
  const byCollection: Record<string, CollectionComparison> = {};
  for (const table of tables) {
    const collection = tableLabel(table);
    const committed = await committedStates(query, table, options.softDeletes?.[collection]);
    const held = await heldStates(
      query,
      table,
      effects.filter((effect) => effect.collection === collection),
    );
    const before = { ...counts };
    for (const record of new Set([...committed.keys(), ...held.keys()])) {
      compareRecord(counts, {
        record: `${collection} ${record}`,
        committed: committed.get(record) ?? [],
        held: held.get(record) ?? [],
        deletes: options.deletes ?? 'every',
        fullRows: options.fullRows?.has(collection) === true,
        example,
      });
    }
    byCollection[collection] = {
      committed: counts.committed - before.committed,
      accepted: counts.accepted - before.accepted,
      anchored: counts.anchored - before.anchored,
      records: committed.size,
    };
  }
  const known = new Set(tables.map(tableLabel));
  const stray = effects.find((effect) => !known.has(effect.collection));
  if (stray !== undefined) throw new Error(`The oracle does not know ${stray.collection}.`);
  const attempts = effects.reduce((sum, effect) => sum + effect.attempts, 0);
  return { ...counts, attempts, effects: effects.length, byCollection, examples };
}

function compareRecord(
  counts: Counts,
  of: {
    readonly record: string;
    readonly committed: readonly CommittedState[];
    readonly held: readonly HeldState[];
    readonly deletes: 'every' | 'of-held' | 'none';
    readonly fullRows: boolean;
    readonly example: (text: string) => void;
  },
): void {
  const { record, committed, held, example, fullRows } = of;
  const distinct = distinctVersions(held.map(({ effect }) => effect));
  const digests = new Map(held.map(({ effect, digest }) => [effect, digest]));
  counts.duplicated += held.length - distinct.length;
  for (const { recordVersion } of reorderedEffects(distinct)) {
    counts.reordered += 1;
    example(`${record}: version ${recordVersion} was accepted before the one before it`);
  }
  if (committed.length === 0) {
    counts.duplicated += distinct.length;
    example(`${record}: was never committed, ${held.length} versions are held`);
    return;
  }
  // Each version in turn must be a later state of the record than the one before.
  let at = -1;
  let previous = '';
  for (const [i, effect] of distinct.entries()) {
    const digest = digests.get(effect) ?? '';
    const shows = (state: CommittedState): boolean => isShownBy(state, effect, digest, fullRows);
    const content = effect.operationType === 'delete' ? 'deleted' : digest;
    const next = committed.findIndex((state, n) => n > at && shows(state));
    if (next >= 0) {
      at = next;
    } else if (!committed.some(shows)) {
      counts.mismatched += 1;
      example(
        `${record}: version ${i + 1} of those held (${effect.operationType}) was never committed`,
      );
    } else if (content === previous) {
      counts.duplicated += 1;
      example(`${record}: one state is held twice`);
    } else {
      counts.reordered += 1;
      example(`${record}: version ${i + 1} of those held is older than the one before`);
    }
    previous = content;
  }
  const final = committed.at(-1);
  const last = distinct.at(-1);
  if (final === undefined) return;
  const isGone = final.digest === null;
  if (isGone && (of.deletes === 'none' || (of.deletes === 'of-held' && last === undefined))) return;
  counts.committed += 1;
  if (last !== undefined && isShownBy(final, last, digests.get(last) ?? '', fullRows)) {
    counts.delivered += 1;
    counts.accepted += 1;
    if (last.status === 'Anchored') counts.anchored += 1;
  } else {
    counts.lost += 1;
    example(`${record}: its final state${isGone ? ', deleted,' : ''} is not held`);
  }
}

function isShownBy(
  state: CommittedState,
  effect: CertyoEffect,
  digest: string,
  fullRows: boolean,
): boolean {
  if (effect.operationType !== 'delete') return state.digest === digest;
  if (state.digest !== null) return false;
  return !fullRows || state.oldDigest === null || state.oldDigest === digest;
}

/** The states of each record; the last one is checked against the table. */
async function committedStates(
  query: OracleQuery,
  table: HistoryTable,
  softDelete: string | undefined,
): Promise<ReadonlyMap<string, readonly CommittedState[]>> {
  const states = new Map<string, CommittedState[]>();
  for (const state of await digestHistory(query, table, softDelete)) {
    push(states, state.recordId, state);
  }
  const rows = await digestRows(query, table, softDelete);
  for (const record of new Set([...states.keys(), ...rows.keys()])) {
    if ((states.get(record)?.at(-1)?.digest ?? null) !== (rows.get(record) ?? null)) {
      throw new Error(
        `The history of ${recordName({ collection: tableLabel(table), recordId: record })} does not end in the row.`,
      );
    }
  }
  return states;
}

async function heldStates(
  query: OracleQuery,
  table: HistoryTable,
  effects: readonly CertyoEffect[],
): Promise<ReadonlyMap<string, readonly HeldState[]>> {
  const digests = new Map<CertyoEffect, string>();
  for (let i = 0; i < effects.length; i += PAGE) {
    const page = effects.slice(i, i + PAGE);
    const payloads = page.map(({ payload }) => payload);
    for (const [n, digest] of (await digestPayloads(query, table, payloads)).entries()) {
      const effect = page[n];
      if (effect !== undefined) digests.set(effect, digest);
    }
  }
  return new Map(
    [...heldByRecord(effects).values()].map((list) => [
      list[0]?.recordId ?? '',
      list.map((effect) => ({ effect, digest: digests.get(effect) ?? '' })),
    ]),
  );
}
