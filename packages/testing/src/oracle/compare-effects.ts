import type { CertyoEffect } from '../certyo/inspection.ts';
import {
  compareRows,
  type ExpectedVersion,
  type HeldVersion,
  readHistory,
} from './committed-history.ts';
import type { HistoryTable, OracleQuery } from './history-table.ts';
import {
  reorderedEffects,
  distinctVersions,
  heldByRecord,
  push,
  recordName,
} from './held-effects.ts';
import { tableLabel } from '@certyo-cdc/core/internal';

/** What Certyo holds against what the database committed. */
export interface Comparison {
  /** Versions that were committed (a change of key makes two). */
  readonly committed: number;
  /** Distinct record versions that arrived. */
  readonly delivered: number;
  /** Distinct effects that were accepted. */
  readonly accepted: number;
  readonly anchored: number;
  /** Records that were sent, repeats included. */
  readonly attempts: number;
  /** Committed, but not held. */
  readonly lost: number;
  /** Held more than once, or held though it was never committed. */
  readonly duplicated: number;
  /** Accepted before an earlier version of the same record. */
  readonly reordered: number;
  /** Held with another payload or operation than was committed. */
  readonly mismatched: number;
  readonly byCollection: Readonly<Record<string, CollectionComparison>>;
  /** The first few differences, by record. */
  readonly examples: readonly string[];
}

/** The same for one collection. */
export interface CollectionComparison {
  readonly committed: number;
  readonly accepted: number;
  readonly anchored: number;
  readonly records: number;
}

const PAGE = 5_000;
const MOST_EXAMPLES = 10;

/**
 * Compares record by record and version by version.
 *
 * @param fullRows Whether deletes show the whole old row (REPLICA IDENTITY FULL), by collection; else only keys are
 * compared.
 */
export async function compareEffects(
  query: OracleQuery,
  tables: readonly HistoryTable[],
  effects: readonly CertyoEffect[],
  options: { readonly fullRows?: ReadonlySet<string> | undefined } = {},
): Promise<Comparison> {
  const expected = await expectedByRecord(query);
  const held = heldByRecord(effects);
  const examples: string[] = [];
  const example = (text: string): void => {
    if (examples.length < MOST_EXAMPLES) examples.push(text);
  };
  let lost = 0;
  let duplicated = 0;
  let reordered = 0;
  let mismatched = 0;
  const toCompare = new Map<string, HeldVersion[]>();
  for (const record of new Set([...expected.keys(), ...held.keys()])) {
    const wanted = expected.get(record) ?? [];
    const found = distinctVersions(held.get(record) ?? []);
    duplicated += (held.get(record)?.length ?? 0) - found.length;
    for (const { recordVersion } of reorderedEffects(found)) {
      reordered += 1;
      example(`${record}: version ${recordVersion} was accepted before the one before it`);
    }
    if (found.length < wanted.length) lost += wanted.length - found.length;
    if (found.length > wanted.length) duplicated += found.length - wanted.length;
    if (found.length !== wanted.length) {
      example(`${record}: ${wanted.length} versions were committed, ${found.length} are held`);
      continue;
    }
    for (const [i, version] of wanted.entries()) {
      const effect = found[i];
      if (effect === undefined) continue;
      if (effect.operationType !== version.operation) {
        mismatched += 1;
        example(`${record}: version ${i + 1} is ${effect.operationType}, was ${version.operation}`);
      } else if (version.row === 'new' || options.fullRows?.has(version.collection) === true) {
        const { historyId, row } = version;
        const list = toCompare.get(version.collection) ?? [];
        list.push({ historyId, row, payload: effect.payload });
        toCompare.set(version.collection, list);
      }
    }
  }
  for (const [collection, versions] of toCompare) {
    const table = tables.find((entry) => tableLabel(entry) === collection);
    if (table === undefined) throw new Error(`The oracle does not know the table ${collection}.`);
    for (let i = 0; i < versions.length; i += PAGE) {
      const different = await compareRows(query, table, versions.slice(i, i + PAGE));
      mismatched += different.length;
      for (const id of different)
        example(`${collection}: change ${id} is held with another payload`);
    }
  }
  return {
    ...totals(expected, effects),
    lost,
    duplicated,
    reordered,
    mismatched,
    examples,
  };
}

async function expectedByRecord(query: OracleQuery): Promise<Map<string, ExpectedVersion[]>> {
  const byRecord = new Map<string, ExpectedVersion[]>();
  let after = '0';
  for (;;) {
    const page = await readHistory(query, after, PAGE);
    for (const version of page) push(byRecord, recordName(version), version);
    const last = page.at(-1);
    if (last === undefined) return byRecord;
    after = last.historyId;
  }
}

function totals(
  expected: ReadonlyMap<string, readonly ExpectedVersion[]>,
  effects: readonly CertyoEffect[],
): Pick<
  Comparison,
  'committed' | 'delivered' | 'accepted' | 'anchored' | 'attempts' | 'byCollection'
> {
  const byCollection: Record<
    string,
    { committed: number; accepted: number; anchored: number; records: number }
  > = {};
  const of = (collection: string): (typeof byCollection)[string] =>
    (byCollection[collection] ??= { committed: 0, accepted: 0, anchored: 0, records: 0 });
  let committed = 0;
  for (const versions of expected.values()) {
    const collection = versions[0]?.collection;
    if (collection === undefined) continue;
    committed += versions.length;
    of(collection).committed += versions.length;
    of(collection).records += 1;
  }
  const delivered = new Set<string>();
  let anchored = 0;
  let attempts = 0;
  for (const effect of effects) {
    delivered.add(`${recordName(effect)}@${effect.recordVersion}`);
    attempts += effect.attempts;
    of(effect.collection).accepted += 1;
    if (effect.status === 'Anchored') {
      anchored += 1;
      of(effect.collection).anchored += 1;
    }
  }
  return {
    committed,
    delivered: delivered.size,
    accepted: effects.length,
    anchored,
    attempts,
    byCollection,
  };
}
