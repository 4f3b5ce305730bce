import type { ChangeEvent } from '@certyo-cdc/core';
import type { TextQuery } from '../stream/text-query.ts';
import type { CopiedLeaf, CopiedTable } from './copied-table.ts';
import { CopyClient, type CopyClientOptions } from './copy-client.ts';
import type { BlockRange } from './copy-cursor.ts';
import {
  BEGIN_SQL,
  copyBlocksSql,
  isUnknownTable,
  lockSql,
  ROW_SECURITY_SQL,
  SHAPE_SQL,
} from './copy-sql.ts';
import { type CopiedAt, copiedEvents } from './row-events.ts';
import { SNAPSHOT_SQL, XidSnapshot } from './xid-snapshot.ts';

/** Blocks that are copied by one statement hold about a chunk of narrow rows: 8 MiB where `chunkRows` is as it is by default. */
const ROWS_PER_BLOCK = 10;

/** What a copy gives next. */
export interface CopiedPiece {
  readonly table: CopiedTable;
  readonly events: readonly ChangeEvent[];
  readonly bytes: number;
  /** Set with the last piece of a part of a table. */
  readonly done: {
    readonly leaf: CopiedLeaf;
    readonly range: BlockRange;
    readonly rows: number;
  } | null;
  /** The table was written anew since the snapshot, which cannot show its rows any more. */
  readonly isLost: boolean;
}

export interface SnapshotCopyOptions extends CopyClientOptions {
  readonly tables: readonly CopiedTable[];
  readonly parallel: number;
  readonly chunkRows: number;
  readonly maxBufferedBytes: number;
  readonly maxMessageBytes: number;
  /** On a connection that sees the catalog as it is now. */
  readonly query: TextQuery;
  readonly canRangeScan: boolean;
  readonly signal: AbortSignal;
}

interface Unit {
  readonly table: CopiedTable;
  readonly leaf: CopiedLeaf;
  readonly range: BlockRange;
}

/**
 * Copies tables as one snapshot shows them, several parts at a time. Pieces wait for whoever takes them, and the server
 * waits behind them: memory does not depend on the size of the tables.
 */
export class SnapshotCopy {
  readonly #options: SnapshotCopyOptions;
  readonly #clients: readonly CopyClient[];
  #units: Unit[];
  readonly #lost = new Set<CopiedTable>();
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  #pieces: CopiedPiece[] = [];
  #running = 0;
  #failure: { readonly error: unknown } | null = null;
  #readers: Promise<unknown> | null = null;
  #wakeTaker: () => void = () => undefined;
  #wakeReaders: (() => void)[] = [];

  private constructor(clients: readonly CopyClient[], options: SnapshotCopyOptions) {
    this.#options = options;
    this.#clients = clients;
    this.#signal = AbortSignal.any([options.signal, this.#abort.signal]);
    this.#units = options.tables.flatMap((table) =>
      table.leaves.flatMap((leaf) => unitsOf(table, leaf, options)),
    );
  }

  /** Connects, before there is a snapshot: the time until it is imported is to be short. */
  static async connect(
    options: CopyClientOptions & Pick<SnapshotCopyOptions, 'parallel' | 'signal'>,
  ): Promise<CopyClient[]> {
    const clients: CopyClient[] = [];
    try {
      for (let i = 0; i < options.parallel; i++) {
        clients.push(await CopyClient.connect(options, { signal: options.signal }));
      }
      return clients;
    } catch (error) {
      for (const client of clients) client.destroy();
      throw error;
    }
  }

  /** Lets every connection take over the snapshot. After that whoever exported it may go. */
  static async import(
    clients: readonly CopyClient[],
    snapshot: string,
    options: SnapshotCopyOptions,
  ): Promise<SnapshotCopy> {
    for (const client of clients) {
      const imports = `SET TRANSACTION SNAPSHOT '${snapshot}'`;
      await client.query(`${BEGIN_SQL}; ${imports}; ${ROW_SECURITY_SQL}`);
    }
    return new SnapshotCopy(clients, options);
  }

  /** Which transactions the rows will show. */
  async shows(): Promise<XidSnapshot> {
    const [client] = this.#clients;
    if (client === undefined) throw new TypeError('A copy has at least one connection.');
    const { rows } = await client.query(SNAPSHOT_SQL);
    return new XidSnapshot(rows[0]?.['snapshot'] ?? '');
  }

  /** Leaves out all but some tables. */
  keep(oids: readonly number[]): void {
    this.#units = this.#units.filter(({ table }) => oids.includes(table.oid));
  }

  /** Begins to read; the rows are put where the stream begins. */
  begin(at: CopiedAt): void {
    this.#readers = this.#start(at);
  }

  /** The next piece; null when all is copied. Rejects with what a reader failed with; the copy is over then. */
  async next(): Promise<CopiedPiece | null> {
    for (;;) {
      this.#options.signal.throwIfAborted();
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        this.#rouseReaders();
        return piece;
      }
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#running === 0) return null;
      await new Promise<void>((resolve) => {
        this.#wakeTaker = resolve;
      });
    }
  }

  async close(): Promise<void> {
    const isWhole = this.#running === 0 && this.#failure === null && this.#readers !== null;
    this.#abort.abort(new Error('The copy is over.'));
    this.#rouseReaders();
    if (isWhole) await Promise.all(this.#clients.map((client) => client.end()));
    else for (const client of this.#clients) client.destroy();
    await this.#readers;
    this.#wakeTaker();
  }

  async #start(at: CopiedAt): Promise<void> {
    this.#running = this.#clients.length;
    await Promise.all(
      this.#clients.map(async (client) => {
        try {
          for (;;) {
            const unit = this.#units.shift();
            if (unit === undefined || this.#failure !== null) break;
            await this.#copy(client, unit, at);
          }
        } catch (error) {
          this.#failure ??= { error };
        } finally {
          this.#running -= 1;
          this.#wakeTaker();
        }
      }),
    );
  }

  async #copy(client: CopyClient, unit: Unit, at: CopiedAt): Promise<void> {
    const { table, leaf, range } = unit;
    if (this.#lost.has(table)) return;
    if (!(await this.#isIntact(client, table, leaf))) {
      this.#lost.add(table);
      await this.#give({ table, events: [], bytes: 0, done: null, isLost: true });
      return;
    }
    const [from, to] = range;
    const { columns, filter } = table;
    const sql = copyBlocksSql(leaf.name, { columns, filter, from, to });
    const { maxBufferedBytes, maxMessageBytes } = this.#options;
    const copied = client.copy(sql, {
      columns: columns.length,
      maxBufferedBytes,
      maxMessageBytes,
      signal: this.#signal,
    });
    let number = 0;
    for await (const block of copied) {
      const bytes = block.bytes.length;
      const events = copiedEvents(table, block, at, `${leaf.oid}.${from}.`, number);
      number += block.rows;
      await this.#give({ table, events, bytes, done: null, isLost: false });
    }
    await this.#give({
      table,
      events: [],
      bytes: 0,
      done: { leaf, range, rows: number },
      isLost: false,
    });
  }

  /**
   * What writes a table anew does not obey snapshots: an older one then shows an empty table. Once the lock is held nobody can
   * do so any more. https://www.postgresql.org/docs/current/mvcc-caveats.html
   */
  async #isIntact(client: CopyClient, table: CopiedTable, leaf: CopiedLeaf): Promise<boolean> {
    try {
      await client.query(`SAVEPOINT locking; ${lockSql(table.name, false)}; RELEASE locking`);
    } catch (error) {
      if (!isUnknownTable(error)) throw error;
      await client.query('ROLLBACK TO locking');
      return false;
    }
    const [row] = await this.#options.query(SHAPE_SQL, [String(leaf.oid)]);
    return row?.['shape'] === leaf.shape;
  }

  async #give(piece: CopiedPiece): Promise<void> {
    while (this.#pieces.length >= 2 * this.#clients.length && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wakeReaders.push(resolve);
      });
    }
    this.#signal.throwIfAborted();
    this.#pieces.push(piece);
    this.#wakeTaker();
  }

  #rouseReaders(): void {
    const readers = this.#wakeReaders;
    this.#wakeReaders = [];
    for (const wake of readers) wake();
  }
}

/** The last part has no end: the table may have grown since it was measured, though by nothing that the snapshot shows. */
function unitsOf(
  table: CopiedTable,
  leaf: CopiedLeaf,
  options: Pick<SnapshotCopyOptions, 'canRangeScan' | 'chunkRows'>,
): readonly Unit[] {
  if (!options.canRangeScan) return [{ table, leaf, range: [0, null] }];
  const size = Math.max(1, Math.round(options.chunkRows / ROWS_PER_BLOCK));
  const units: Unit[] = [];
  for (let from = 0; from === 0 || from < leaf.blocks; from += size) {
    const to = from + size;
    units.push({ table, leaf, range: [from, to >= leaf.blocks ? null : to] });
  }
  return units;
}
