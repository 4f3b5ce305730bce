import type { Client } from 'pg';
import type { ControlStep, Schedule, Several, Version, Write } from './schedule.ts';

/** A version of a row as a reader gave it. */
export interface Observed extends Version {
  /** Names the change; a change that comes again has the same name. */
  readonly id: string;
}

/** What is written to, and how it is read. */
export interface ScheduleTarget {
  /** Makes the rows that are there before, in version 0, and begins to read. Keys are those of the table. */
  begin(existing: readonly number[]): Promise<void>;
  /** The SQL of a write: `version + 1` of the row that is there, or a new row of this version. */
  writeSql(write: Write): string;
  /** The SQL of one statement that writes several rows; for schedules that have such. */
  severalSql?(several: Several): string;
  /** Reads at any moment; gives what came. A reader of its own pace may give nothing. */
  read(): Promise<readonly Observed[]>;
  /** The reader dies, and goes on from the newest end that it has given. */
  restart(): Promise<void>;
  /** Every transaction is over: reads all that is left. */
  finish(): Promise<readonly Observed[]>;
}

/** Connections for schedules: one for each transaction, and one that ends prepared transactions. */
export interface ScheduleConnections {
  readonly clients: readonly Client[];
  readonly control: Client;
}

/** What a schedule came to. */
export interface ScheduleOutcome {
  /** What was committed, in the order of commits. */
  readonly committed: readonly Version[];
  readonly observed: readonly Observed[];
  /** Read before it was committed. */
  readonly early: readonly Observed[];
}

/** Runs a schedule against a real server, step by step. `firstKey` is added to the keys. */
export async function runSchedule(
  schedule: Schedule,
  target: ScheduleTarget,
  { clients, control }: ScheduleConnections,
  firstKey: number,
): Promise<ScheduleOutcome> {
  const waiting = new Map<number, Promise<unknown>>();
  const committed: Version[] = [];
  const observed: Observed[] = [];
  const early: Observed[] = [];
  const known = new Set<string>();
  const actual = (write: Write): Write => ({ ...write, key: firstKey + write.key });
  const take = (rows: readonly Observed[]): void => {
    observed.push(...rows);
    early.push(...rows.filter((row) => row.version > 0 && !known.has(label(row))));
  };
  const clientOf = (transaction: number): Client => {
    const client = clients[transaction];
    if (client === undefined) throw new Error('A schedule has more transactions than connections.');
    return client;
  };
  await target.begin(schedule.existing.map((key) => firstKey + key));
  for (const step of schedule.steps) {
    if (step.kind === 'read') take(await target.read());
    else if (step.kind === 'restart') await target.restart();
    else if (step.kind === 'write') {
      const { transaction } = step.write;
      const writing = clientOf(transaction).query(target.writeSql(actual(step.write)));
      if (step.waits) waiting.set(transaction, writing);
      else await writing;
    } else if (step.kind === 'write-several') {
      const { form, writes } = step.several;
      const sql = target.severalSql?.({ form, writes: writes.map(actual) });
      if (sql === undefined) throw new Error('The target writes no several rows at once.');
      await clientOf(writes[0]?.transaction ?? 0).query(sql);
    } else {
      const client = step.kind.endsWith('-prepared') ? control : clientOf(step.transaction);
      await client.query(sqlOf(step, firstKey));
      for (const write of step.commits) {
        committed.push(actual(write));
        known.add(label(actual(write)));
      }
      for (const { transaction } of step.resumes) await waiting.get(transaction);
    }
  }
  take(await target.finish());
  return { committed, observed, early };
}

function label({ key, version, operation }: Version): string {
  return `${String(key)} ${String(version)} ${operation}`;
}

function sqlOf(step: ControlStep, firstKey: number): string {
  const prepared = `'${String(firstKey)}/${String(step.transaction)}'`;
  const savepoint = `s${String(step.savepoint)}`;
  switch (step.kind) {
    case 'begin':
      return 'BEGIN';
    case 'take-xid':
      return 'SELECT pg_catalog.txid_current()';
    case 'savepoint':
      return `SAVEPOINT ${savepoint}`;
    case 'rollback-to':
      return `ROLLBACK TO ${savepoint}`;
    case 'commit':
      return 'COMMIT';
    case 'rollback':
      return 'ROLLBACK';
    case 'prepare':
      return `PREPARE TRANSACTION ${prepared}`;
    case 'commit-prepared':
      return `COMMIT PREPARED ${prepared}`;
    case 'rollback-prepared':
      return `ROLLBACK PREPARED ${prepared}`;
  }
}
