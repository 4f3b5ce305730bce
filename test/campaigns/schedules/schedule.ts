/** What a write does to a row. */
export type WriteOperation = 'insert' | 'update' | 'delete';

/** One version of a row. */
export interface Version {
  readonly key: number;
  /** From 1 in the order of the writes that were kept; 0 is the row that was there before. */
  readonly version: number;
  readonly operation: WriteOperation;
}

/** A write, and the transaction that makes it. */
export interface Write extends Version {
  readonly transaction: number;
}

/** A step of a transaction other than a write. */
export interface ControlStep {
  readonly kind:
    | 'begin'
    | 'take-xid'
    | 'savepoint'
    | 'rollback-to'
    | 'commit'
    | 'rollback'
    | 'prepare'
    | 'commit-prepared'
    | 'rollback-prepared';
  readonly transaction: number;
  /** Number of the savepoint. */
  readonly savepoint: number;
  /** Writes that waited for this and go on. */
  readonly resumes: readonly Write[];
  /** What becomes committed, in order. */
  readonly commits: readonly Write[];
}

/**
 * Ways to write several rows with one statement: insert those that are missing and update the others, delete, move a row to
 * another key, or update two rows of which the trigger of the first one writes the second one once more.
 */
export const FORMS = ['upsert', 'delete', 'change-key', 'nested'] as const;

/** A statement that writes several rows. */
export interface Several {
  readonly form: (typeof FORMS)[number];
  /** A move is the delete of the one key, then the insert of the other. What is nested comes last. */
  readonly writes: readonly Write[];
}

/** One step of a schedule. */
export type Step =
  | ControlStep
  | { readonly kind: 'write'; readonly write: Write; readonly waits: boolean }
  | { readonly kind: 'write-several'; readonly several: Several }
  | { readonly kind: 'read' }
  | { readonly kind: 'restart' };

/** Transactions whose steps are interleaved, with reads at any moment. */
export interface Schedule {
  /** Keys whose rows are there before, in version 0. */
  readonly existing: readonly number[];
  readonly steps: readonly Step[];
}

/** How schedules are made. */
export interface ScheduleOptions {
  readonly random: () => number;
  /** @default 4 */
  readonly maxTransactions?: number | undefined;
  /** Between BEGIN and the end. @default 6 */
  readonly maxSteps?: number | undefined;
  /** @default true */
  readonly prepared?: boolean | undefined;
  /** Also statements that write several rows, and changes of keys. @default false */
  readonly several?: boolean | undefined;
}

const KEYS = 3;

interface RowState {
  exists: boolean;
  version: number;
  /** Who holds the row's lock. */
  owner: Running | null;
  waiter: { readonly transaction: Running; readonly write: () => Write } | null;
}

interface Undo {
  readonly row: RowState;
  readonly exists: boolean;
  readonly version: number;
  readonly owner: Running | null;
}

interface Savepoint {
  readonly name: number;
  readonly undo: number;
  readonly writes: number;
}

interface Running {
  readonly number: number;
  state: 'new' | 'open' | 'waiting' | 'prepared' | 'over';
  stepsLeft: number;
  undo: Undo[];
  writes: Write[];
  savepoints: Savepoint[];
}

/**
 * Makes a random schedule and foresees what comes of it: which writes wait for which, and what is committed in the end.
 *
 * Transactions write rows of few keys, take and give up savepoints, commit, roll back, are prepared. One may wait for a
 * row of another; locks are waited for in ascending order only, so none are dead.
 */
export function makeSchedule(options: ScheduleOptions): Schedule {
  return new Maker(options).make();
}

class Maker {
  readonly #random: () => number;
  readonly #canPrepare: boolean;
  readonly #writesSeveral: boolean;
  readonly #rows: RowState[];
  readonly #transactions: Running[];
  readonly #steps: Step[] = [];
  #savepoints = 0;

  constructor(options: ScheduleOptions) {
    const { random, maxTransactions = 4, maxSteps = 6, prepared = true, several = false } = options;
    this.#random = random;
    this.#canPrepare = prepared;
    this.#writesSeveral = several;
    this.#rows = Array.from({ length: KEYS }, () => ({
      exists: random() < 0.6,
      version: 0,
      owner: null,
      waiter: null,
    }));
    this.#transactions = Array.from({ length: 1 + this.#any(maxTransactions) }, (_, number) => ({
      number,
      state: 'new',
      stepsLeft: 1 + this.#any(maxSteps),
      undo: [],
      writes: [],
      savepoints: [],
    }));
  }

  make(): Schedule {
    const existing = [...this.#rows.keys()].filter((key) => this.#rows[key]?.exists === true);
    for (;;) {
      const ready = this.#transactions.filter(
        ({ state }) => state !== 'over' && state !== 'waiting',
      );
      const transaction = ready[this.#any(ready.length)];
      if (transaction === undefined) return { existing, steps: this.#steps };
      this.#advance(transaction);
      if (this.#random() < 0.35) this.#steps.push({ kind: 'read' });
      if (this.#random() < 0.03) this.#steps.push({ kind: 'restart' });
    }
  }

  #any(n: number): number {
    return Math.floor(this.#random() * n);
  }

  #advance(transaction: Running): void {
    if (transaction.state === 'new') {
      transaction.state = 'open';
      this.#step('begin', transaction);
      return;
    }
    if (transaction.state === 'prepared') {
      this.#end(transaction, this.#random() < 0.7, '-prepared');
      return;
    }
    if (transaction.stepsLeft === 0) {
      if (this.#canPrepare && this.#random() < 0.15) {
        transaction.state = 'prepared';
        this.#step('prepare', transaction);
      } else this.#end(transaction, this.#random() < 0.7, '');
      return;
    }
    transaction.stepsLeft -= 1;
    const kind = this.#random();
    if (kind < 0.1) this.#step('take-xid', transaction);
    else if (kind < 0.25) this.#takeSavepoint(transaction);
    else if (kind < 0.4 && transaction.savepoints.length > 0) this.#rollBackTo(transaction);
    else if (!this.#writesSeveral || this.#random() < 0.5) this.#write(transaction);
    else this.#writeSeveral(transaction);
  }

  #step(
    kind: ControlStep['kind'],
    transaction: Running,
    more: {
      readonly savepoint?: number;
      readonly resumes?: readonly Write[];
      readonly commits?: readonly Write[];
    } = {},
  ): void {
    const { savepoint = 0, resumes = [], commits = [] } = more;
    this.#steps.push({ kind, transaction: transaction.number, savepoint, resumes, commits });
  }

  #write(transaction: Running): void {
    const key = this.#any(KEYS);
    const row = this.#rows[key];
    if (row === undefined) return;
    if (row.owner === null || row.owner === transaction) {
      const operation = !row.exists
        ? 'insert'
        : row.waiter === null && this.#random() < 0.2
          ? 'delete'
          : 'update';
      const write = this.#apply(transaction, key, row, operation);
      this.#steps.push({ kind: 'write', write, waits: false });
      return;
    }
    // Whatever becomes of the owner, the row will be there: then an update may wait for it.
    const undone = row.owner.undo.filter((undo) => undo.row === row);
    const staysThere = row.exists && undone.every(({ exists }) => exists);
    const held = this.#rows.findLastIndex(({ owner }) => owner === transaction);
    if (row.waiter !== null || !staysThere || held >= key) {
      this.#step('take-xid', transaction);
      return;
    }
    transaction.state = 'waiting';
    const apply = (): Write => this.#apply(transaction, key, row, 'update');
    row.waiter = { transaction, write: apply };
    // Its version is known when the wait is over.
    const write = {
      key,
      version: -1,
      operation: 'update',
      transaction: transaction.number,
    } as const;
    this.#steps.push({ kind: 'write', write, waits: true });
  }

  /** Only of rows that nobody else holds: such a statement does not wait. */
  #writeSeveral(transaction: Running): void {
    const free = [...this.#rows.entries()].filter(
      ([, { owner }]) => owner === null || owner === transaction,
    );
    // A row that someone waits for has to stay where it is.
    const existing = free.filter(([, { exists }]) => exists);
    const removable = existing.filter(([, { waiter }]) => waiter === null);
    const missing = free.filter(([, { exists }]) => !exists);
    const form = FORMS[this.#any(FORMS.length)] ?? 'upsert';
    const changes: [[number, RowState], WriteOperation][] = [];
    if (form === 'upsert') {
      for (const row of free) changes.push([row, row[1].exists ? 'update' : 'insert']);
    } else if (form === 'delete') {
      for (const row of removable) changes.push([row, 'delete']);
    } else if (form === 'change-key') {
      const from = removable[this.#any(removable.length)];
      const to = missing[this.#any(missing.length)];
      if (from !== undefined && to !== undefined) changes.push([from, 'delete'], [to, 'insert']);
    } else {
      const outer = existing[this.#any(existing.length)];
      const others = existing.filter((row) => row !== outer);
      const inner = others[this.#any(others.length)];
      if (outer !== undefined && inner !== undefined) {
        const operation = removable.includes(inner) && this.#random() < 0.4 ? 'delete' : 'update';
        changes.push([outer, 'update'], [inner, 'update'], [inner, operation]);
      }
    }
    if (changes.length < 2) {
      this.#write(transaction);
      return;
    }
    const writes = changes.map(([[key, row], operation]) =>
      this.#apply(transaction, key, row, operation),
    );
    this.#steps.push({ kind: 'write-several', several: { form, writes } });
  }

  #apply(transaction: Running, key: number, row: RowState, operation: WriteOperation): Write {
    const { exists, version, owner } = row;
    transaction.undo.push({ row, exists, version, owner });
    row.exists = operation !== 'delete';
    row.version = version + 1;
    row.owner = transaction;
    const write = { key, version: row.version, operation, transaction: transaction.number };
    transaction.writes.push(write);
    return write;
  }

  #takeSavepoint(transaction: Running): void {
    const savepoint = {
      name: ++this.#savepoints,
      undo: transaction.undo.length,
      writes: transaction.writes.length,
    };
    transaction.savepoints.push(savepoint);
    this.#step('savepoint', transaction, { savepoint: savepoint.name });
  }

  #rollBackTo(transaction: Running): void {
    const index = this.#any(transaction.savepoints.length);
    const savepoint = transaction.savepoints[index];
    if (savepoint === undefined) return;
    transaction.savepoints.length = index + 1;
    const resumes = this.#undo(transaction, savepoint);
    this.#step('rollback-to', transaction, { savepoint: savepoint.name, resumes });
  }

  #end(transaction: Running, commits: boolean, suffix: '' | '-prepared'): void {
    const { writes } = transaction;
    transaction.state = 'over';
    const resumes = commits
      ? this.#release(transaction)
      : this.#undo(transaction, { undo: 0, writes: 0 });
    this.#step(`${commits ? 'commit' : 'rollback'}${suffix}`, transaction, {
      resumes,
      commits: commits ? writes : [],
    });
  }

  #undo(transaction: Running, to: Pick<Savepoint, 'undo' | 'writes'>): readonly Write[] {
    transaction.writes = transaction.writes.slice(0, to.writes);
    const undone = transaction.undo.splice(to.undo).reverse();
    for (const { row, exists, version, owner } of undone)
      Object.assign(row, { exists, version, owner });
    return this.#resume(undone.map(({ row }) => row));
  }

  #release(transaction: Running): readonly Write[] {
    const released = this.#rows.filter(({ owner }) => owner === transaction);
    for (const row of released) row.owner = null;
    return this.#resume(released);
  }

  #resume(rows: readonly RowState[]): readonly Write[] {
    const resumed: Write[] = [];
    for (const row of rows) {
      const { waiter } = row;
      if (waiter === null || row.owner !== null) continue;
      row.waiter = null;
      waiter.transaction.state = 'open';
      resumed.push(waiter.write());
    }
    return resumed;
  }
}
