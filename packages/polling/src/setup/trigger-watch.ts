import { GapError, type JsonValue } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  hasCapturedSince,
  readReplacements,
  type QualifiedName,
  type Replacement,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import { type DeletesTarget, replacementsTable } from './spec.ts';
import type { PollingState } from './table-state.ts';
import { expectedTriggers } from './trigger-problems.ts';
import { readTriggerVersions, type WatchedRelation } from './trigger-versions.ts';

/** By `schema.table`. */
export type TriggerFingerprint = Readonly<Record<string, TableFingerprint>>;

/** The triggers of a table and its partitions. */
interface TableFingerprint {
  /** By the trigger's name: what it is for. */
  readonly needs: Readonly<Record<string, readonly string[]>>;
  /** By oid of the table or partition, by the trigger's name: the very rows of the catalog that make it. */
  readonly relations: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

interface WatchedTable {
  readonly label: string;
  readonly oid: number;
  readonly needs: TableFingerprint['needs'];
}

interface Options {
  readonly signal: AbortSignal;
}

/**
 * Notices that a trigger was disabled, dropped or made again while somebody polls or while the pipeline was away (P-06).
 *
 * A trigger that was disabled and enabled again looks the same as before, but what was written between was not stamped: so
 * the rows of pg_trigger and pg_proc are compared by oid and xmin. What setup has replaced by something that does the same is
 * no gap, because setup notes it in the same transaction. Partitions that are gone are none either; one that was
 * attached is, because its rows may carry old stamps, unless it was made as a partition.
 */
export class TriggerWatch {
  readonly #tables: readonly WatchedTable[];
  readonly #replacements: QualifiedName;
  #fingerprint: TriggerFingerprint;

  /** @param stored What `toJSON` gave when the checkpoint was saved; null where there is none. */
  constructor(target: DeletesTarget, state: PollingState, stored: TriggerFingerprint | null) {
    this.#tables = state.tables.flatMap((table): WatchedTable[] => {
      const triggers = expectedTriggers(target, table);
      if (triggers.length === 0) return [];
      const needs = Object.fromEntries(triggers.map(({ made, name }) => [name, made.provides]));
      return [{ label: tableLabel(table.table), oid: table.table.oid, needs }];
    });
    this.#replacements = replacementsTable(target);
    this.#fingerprint = stored ?? {};
  }

  /** To be kept with the checkpoint. */
  toJSON(): JsonValue {
    return this.#fingerprint as unknown as JsonValue;
  }

  /**
   * Compares with the catalog as it is now.
   *
   * @throws GapError `GAP_TRIGGER`
   */
  async check(session: SqlExecutor, options: Options): Promise<void> {
    if (this.#tables.length === 0) return;
    const names = [...new Set(this.#tables.flatMap(({ needs }) => Object.keys(needs)))];
    const found = await readTriggerVersions(
      session,
      { tables: this.#tables.map(({ oid }) => oid), names },
      options,
    );
    const now: Record<string, TableFingerprint> = {};
    let replacements: readonly Replacement[] | null = null;
    for (const table of this.#tables) {
      const relations = found
        .filter(({ root }) => root === table.oid)
        .map((relation) => ({ ...relation, versions: only(relation.versions, table.needs) }));
      if (relations.length === 0) throw gap(`The table ${table.label} was dropped.`);
      for (const relation of relations) assertEnabled(table, relation);
      const change = this.#change(table, relations, replacements ?? []);
      if (change !== null) {
        replacements ??= await readReplacements(session, this.#replacements, { names, ...options });
        const still = this.#change(table, relations, replacements);
        if (still !== null) throw gap(still);
      }
      now[table.label] = {
        needs: table.needs,
        relations: Object.fromEntries(relations.map(({ oid, versions }) => [oid, versions])),
      };
    }
    this.#fingerprint = { ...this.#fingerprint, ...now };
  }

  /** Whether `check` finds no gap. */
  async wereThere(session: SqlExecutor, options: Options): Promise<boolean> {
    try {
      await this.check(session, options);
      return true;
    } catch (error) {
      if (error instanceof GapError) return false;
      throw error;
    }
  }

  #change(
    table: WatchedTable,
    relations: readonly WatchedRelation[],
    replacements: readonly Replacement[],
  ): string | null {
    const known = this.#fingerprint[table.label];
    if (known === undefined) return null;
    for (const relation of relations) {
      const { isRoot, name, oid, versions } = relation;
      const before = known.relations[oid];
      const triggers = Object.keys(versions);
      const has = (trigger: string, isFirst: (version: string) => boolean): boolean => {
        const needs = table.needs[trigger] ?? [];
        const isSameNeed = JSON.stringify(known.needs[trigger]) === JSON.stringify(needs);
        return hasCapturedSince(
          isSameNeed ? replacements : [],
          { relation: oid, name: trigger, version: versions[trigger] ?? '', needs },
          isFirst,
        );
      };
      if (before === undefined) {
        if (isRoot) return `The table ${table.label} was made again.`;
        // Made together with its triggers, so that no write can have been missed.
        const isBorn = (version: string): boolean =>
          /^\d+\.(\d+)\//.exec(version)?.[1] === relation.bornOf;
        if (triggers.every((trigger) => has(trigger, isBorn))) continue;
        return `${name} was attached as a partition of ${table.label}: its rows may carry stamps of times that were read already.`;
      }
      const isSame =
        triggers.length === Object.keys(before).length &&
        triggers.every((trigger) => has(trigger, (version) => version === before[trigger]));
      if (!isSame)
        return `The triggers of ${name} were not there all the time: they were disabled, altered or made again.`;
    }
    return null;
  }
}

/** Another source may have triggers of these names on this table. */
function only(versions: WatchedRelation['versions'], needs: object): WatchedRelation['versions'] {
  return Object.fromEntries(
    Object.entries(versions).filter(([name]) => Object.hasOwn(needs, name)),
  );
}

function assertEnabled({ needs }: WatchedTable, relation: WatchedRelation): void {
  for (const expected of Object.keys(needs)) {
    const enabled = relation.enabled[expected];
    if (enabled === 'A') continue;
    // TRUNCATE triggers are not cloned to partitions; whether each has one is told by setup.
    if (!relation.isRoot && expected.endsWith('_truncated')) continue;
    const how = enabled === undefined ? 'missing' : 'disabled, or not ENABLE ALWAYS';
    throw gap(`The trigger "${expected}" of ${relation.name} is ${how}.`);
  }
}

/** Reads what `toJSON` gave; null for anything else. */
export function triggerFingerprint(value: unknown): TriggerFingerprint | null {
  const isObject = (one: unknown): one is object =>
    typeof one === 'object' && one !== null && !Array.isArray(one);
  const isTable = (one: unknown): boolean => {
    const table = one as Partial<TableFingerprint> | null;
    return isObject(table) && isObject(table.needs) && isObject(table.relations);
  };
  return isObject(value) && Object.values(value).every(isTable)
    ? (value as TriggerFingerprint)
    : null;
}

function gap(what: string): GapError {
  return new GapError('GAP_TRIGGER', `${what} Changes may be missing.`, {
    remedy:
      'Run source.setup(), then start under a new name, which reads the tables from their beginning.',
  });
}
