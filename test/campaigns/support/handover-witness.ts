import type { ChangeEvent, Checkpoint } from '@certyo-cdc/core';
import type { TestDatabase } from '@certyo-cdc/testing';

/** What a reader tells of an event. */
export interface ToldEvent {
  readonly id: string;
  readonly operation: ChangeEvent['operation'];
  readonly version: string;
  readonly table: string;
  readonly key?: string;
  readonly previousKey?: string | null;
  readonly rev?: number | null;
  /** The beginning of the large value; left out where the change does not show it. */
  readonly large?: string;
}

export interface ToldBatch {
  readonly events: readonly ToldEvent[];
  /** Set where the batch has an end. */
  readonly checkpoint: Checkpoint | null;
}

interface Told {
  /** The newest number that was told of. */
  rev: number;
  version: string;
  isDeleted: boolean;
  large: string | null;
  readonly revs: Set<number>;
}

/** What must not happen, counted. */
export interface Faults {
  /** Rows of the last state that were never told, and versions since the first that was. */
  lost: number;
  /** An old value, or one of a deleted row, behind a newer one; a version that is not greater. */
  oldAfterNewer: number;
  /** Rows whose last state is told wrongly. */
  mismatched: number;
  /** What was never committed. */
  ghosts: number;
  /** The same id for something else. */
  renamed: number;
}

/** What a reader is told, over all its lives, and whether it fits together. */
export class HandoverWitness {
  readonly faults: Faults = { lost: 0, oldAfterNewer: 0, mismatched: 0, ghosts: 0, renamed: 0 };
  readonly examples: string[] = [];
  readonly #records = new Map<string, Told>();
  readonly #seen = new Map<string, string>();
  events = 0;
  copied = 0;
  repeated = 0;

  take(events: readonly ToldEvent[]): void {
    for (const event of events) {
      this.events += 1;
      const { id, ...what } = event;
      const text = JSON.stringify(what);
      const before = this.#seen.get(id);
      this.#seen.set(id, text);
      // What was told before its end was kept is told again after a kill, and is the same then.
      if (before !== undefined) {
        this.repeated += 1;
        if (before !== text) this.#fault('renamed', `${id}: ${before}, then ${text}`);
      } else if (event.key !== undefined) this.#takeRow(event, event.key);
      else if (event.operation === 'truncate') this.#truncate(event);
    }
  }

  #takeRow(event: ToldEvent, key: string): void {
    const { large, operation, previousKey = null, version } = event;
    const table = tableOf(event);
    if (previousKey !== null) this.#delete(`${table} ${previousKey}`, version);
    const record = `${table} ${key}`;
    if (operation === 'delete') return this.#delete(record, version);
    const rev = event.rev ?? -1;
    const told = this.#at(record);
    const isCopy = operation === 'snapshot';
    if (isCopy) this.copied += 1;
    if (rev < told.rev || (rev === told.rev && (!isCopy || told.isDeleted))) {
      this.#fault('oldAfterNewer', `${record}: ${operation} of ${rev} after ${told.rev}`);
    }
    if (version <= told.version) {
      this.#fault('oldAfterNewer', `${record}: version ${version} after ${told.version}`);
    }
    if (large !== undefined) told.large = large;
    else if (operation !== 'update') told.large = null;
    told.rev = rev;
    told.version = version;
    told.isDeleted = false;
    told.revs.add(rev);
  }

  #delete(record: string, version: string): void {
    const told = this.#at(record);
    if (version <= told.version) {
      this.#fault('oldAfterNewer', `${record}: delete ${version} after ${told.version}`);
    }
    told.version = version;
    told.isDeleted = true;
    told.large = null;
  }

  #truncate(event: ToldEvent): void {
    for (const record of this.#records.keys()) {
      if (!record.startsWith(`${tableOf(event)} `)) continue;
      if (event.table !== 'p2' && event.table !== 'p1') this.#delete(record, event.version);
      else if (isInPartition(record, event.table)) this.#delete(record, event.version);
    }
  }

  #at(record: string): Told {
    const known = this.#records.get(record);
    if (known !== undefined) return known;
    const told: Told = { rev: -1, version: '', isDeleted: false, large: null, revs: new Set() };
    this.#records.set(record, told);
    return told;
  }

  #fault(name: keyof Faults, text: string): void {
    this.faults[name] += 1;
    if (this.examples.length < 10) this.examples.push(`${name}: ${text}`);
  }

  /** Compares what was told with what was committed: the last state, and every version since a row was first told of. */
  async compare(database: TestDatabase): Promise<void> {
    const committed = new Map<string, Set<number>>();
    for (const row of await database.query('SELECT name, key, rev::int AS rev FROM committed')) {
      const record = `${String(row['name'])} ${String(row['key'])}`;
      const revs = committed.get(record) ?? new Set();
      committed.set(record, revs.add(Number(row['rev'])));
    }
    const now = new Map<string, { readonly rev: number; readonly large: string | null }>();
    for (const row of await database.query(`
      SELECT 'a ' || id AS record, rev::int AS rev, left(large, 32) AS large FROM a
      UNION ALL SELECT 'b ' || k || '/' || id, rev::int, NULL FROM b
      UNION ALL SELECT 'p ' || id, rev::int, NULL FROM p`)) {
      const large = row['large'] === null ? null : String(row['large']);
      now.set(String(row['record']), { rev: Number(row['rev']), large });
    }
    for (const [record, { rev, large }] of now) {
      const told = this.#records.get(record);
      if (told === undefined) this.#fault('lost', `${record} is not told`);
      else if (told.isDeleted) this.#fault('mismatched', `${record}: told as deleted, is ${rev}`);
      else if (told.rev !== rev) {
        this.#fault('mismatched', `${record}: told as ${told.rev}, is ${rev}`);
      } else if (told.large !== large) {
        this.#fault('mismatched', `${record}: the large value of ${rev} is told as ${told.large}`);
      }
    }
    for (const [record, told] of this.#records) {
      if (!told.isDeleted && !now.has(record)) {
        this.#fault('mismatched', `${record}: told, is not there`);
      }
      const all = committed.get(record) ?? new Set<number>();
      const first = Math.min(...told.revs);
      for (const rev of told.revs) {
        // The rows of the beginning have none.
        if (rev !== 0 && !all.has(rev)) this.#fault('ghosts', `${record}: ${rev}`);
      }
      for (const rev of all) {
        if (rev > first && !told.revs.has(rev)) this.#fault('lost', `${record}: ${rev}`);
      }
    }
  }
}

/** A partition's rows are those of the table above it. */
function tableOf({ table }: ToldEvent): string {
  return table === 'p1' || table === 'p2' ? 'p' : table;
}

function isInPartition(record: string, partition: 'p1' | 'p2'): boolean {
  return Number(record.split(' ')[1]) < 1_000 === (partition === 'p1');
}
