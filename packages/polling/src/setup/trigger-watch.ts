import { GapError, type JsonValue } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import type { SqlExecutor } from '@certyo-cdc/postgres';
import type { DeletesTarget } from './spec.ts';
import type { PollingState } from './table-state.ts';
import { expectedTriggers } from './trigger-problems.ts';

/** By `schema.table`, by oid of the table and its partitions: the very rows of the catalog that make the triggers. */
export type TriggerFingerprint = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Marks a partition that was made together with its triggers, so that no write can have been missed. */
const SINCE_BIRTH = 'born:';

interface WatchedTable {
  readonly label: string;
  readonly oid: number;
  readonly triggers: readonly string[];
}

/**
 * Notices that a trigger was disabled, dropped or made again while somebody polls or while the pipeline was away (P-06).
 *
 * A trigger that was disabled and enabled again looks the same as before, but what was written between was not stamped: so
 * the rows of pg_trigger and pg_proc are compared by oid and xmin. Partitions that are gone are no gap; one that was
 * attached is, because its rows may carry old stamps, unless it was made as a partition.
 */
export class TriggerWatch {
  readonly #tables: readonly WatchedTable[];
  #fingerprint: TriggerFingerprint;

  /** @param stored What `toJSON` gave when the checkpoint was saved; null where there is none. */
  constructor(target: DeletesTarget, state: PollingState, stored: TriggerFingerprint | null) {
    this.#tables = state.tables.flatMap((table): WatchedTable[] => {
      const triggers = expectedTriggers(target, table).map(({ name }) => name);
      if (triggers.length === 0) return [];
      return [{ label: tableLabel(table.table), oid: table.table.oid, triggers }];
    });
    this.#fingerprint = stored ?? {};
  }

  /** To be kept with the checkpoint. */
  toJSON(): JsonValue {
    return this.#fingerprint;
  }

  /**
   * Compares with the catalog as it is now; one statement.
   *
   * @throws GapError `GAP_TRIGGER`
   */
  async check(session: SqlExecutor, options: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#tables.length === 0) return;
    const { rows } = await session.query<Row>(
      FINGERPRINT_SQL,
      [
        `{${this.#tables.map(({ oid }) => oid).join(',')}}`,
        [...new Set(this.#tables.flatMap(({ triggers }) => triggers))],
      ],
      options,
    );
    const now: Record<string, Record<string, string>> = {};
    for (const table of this.#tables) now[table.label] = this.#checkTable(table, rows);
    this.#fingerprint = { ...this.#fingerprint, ...now };
  }

  #checkTable(table: WatchedTable, rows: readonly Row[]): Record<string, string> {
    const now: Record<string, string> = {};
    const own = rows.filter((row) => Number(row.root) === table.oid);
    if (own.length === 0) throw gap(`The table ${table.label} was dropped.`);
    const known = this.#fingerprint[table.label];
    for (const { relation, name, triggers: text } of own) {
      const isRoot = Number(relation) === table.oid;
      const triggers = JSON.parse(text) as readonly TriggerRow[];
      for (const expected of table.triggers) {
        const found = triggers.find((trigger) => trigger.name === expected);
        if (found?.enabled === 'A') continue;
        // TRUNCATE triggers are not cloned to partitions; whether each has one is told by setup.
        if (
          !isRoot &&
          (found === undefined || found.isStatement) &&
          expected.endsWith('_truncated')
        )
          continue;
        const how = found === undefined ? 'missing' : 'disabled, or not ENABLE ALWAYS';
        throw gap(`The trigger "${expected}" of ${name} is ${how}.`);
      }
      const counted = triggers.filter(
        (trigger) => table.triggers.includes(trigger.name) && (isRoot || !trigger.isStatement),
      );
      const versions = counted
        .map(({ version }) => version)
        .sort()
        .join(' ');
      const current =
        !isRoot && counted.every(({ isBorn }) => isBorn) ? `${SINCE_BIRTH}${versions}` : versions;
      now[relation] = current;
      const before = known?.[relation];
      if (known === undefined || before === current) continue;
      if (before === undefined && current.startsWith(SINCE_BIRTH)) continue;
      throw gap(
        before === undefined
          ? isRoot
            ? `The table ${table.label} was made again.`
            : `${name} was attached as a partition of ${table.label}: its rows may carry stamps of times that were read already.`
          : `The triggers of ${name} were not there all the time: they were disabled, altered or made again.`,
      );
    }
    return now;
  }
}

interface Row {
  readonly root: string;
  readonly relation: string;
  readonly name: string;
  readonly triggers: string;
}

interface TriggerRow {
  readonly name: string;
  readonly enabled: string;
  readonly version: string;
  readonly isStatement: boolean;
  readonly isBorn: boolean;
}

/** $1 oids of tables, $2 names of triggers: a row per table and partition. `ctid` in pg_attribute is as old as its table. */
const FINGERPRINT_SQL = `
SELECT w.oid::text AS root, c.oid::text AS relation, n.nspname || '.' || c.relname AS name,
       coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                   'name', t.tgname, 'enabled', t.tgenabled, 'version', t.oid || '.' || t.xmin || '/' || p.oid || '.' || p.xmin,
                   'isStatement', t.tgtype & 1 = 0, 'isBorn', t.xmin = a.xmin))
                   FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                  WHERE t.tgrelid = c.oid AND t.tgname = ANY ($2::text[])), '[]')::text AS triggers
  FROM pg_catalog.unnest($1::oid[]) AS w(oid)
 CROSS JOIN LATERAL (SELECT w.oid UNION SELECT q.relid::oid FROM pg_catalog.pg_partition_tree(w.oid::regclass) q) AS r(oid)
  JOIN pg_catalog.pg_class c ON c.oid = r.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'ctid'`;

/** Reads what `toJSON` gave; null for anything else. */
export function triggerFingerprint(value: unknown): TriggerFingerprint | null {
  const isObject = (one: unknown): boolean =>
    typeof one === 'object' && one !== null && !Array.isArray(one);
  return isObject(value) && Object.values(value as object).every(isObject)
    ? (value as TriggerFingerprint)
    : null;
}

function gap(what: string): GapError {
  return new GapError('GAP_TRIGGER', `${what} Changes may be missing.`, {
    remedy:
      'Run source.setup(), then start under a new name, which reads the tables from their beginning.',
  });
}
