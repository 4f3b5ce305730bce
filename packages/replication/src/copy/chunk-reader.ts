import { SourceConnectionError, SourceProtocolError, SourceSetupError } from '@certyo-cdc/core';
import {
  qualifiedName,
  quoteIdentifier,
  spanLength,
  spanStart,
  type RowBlock,
  tupleAt,
} from '@certyo-cdc/postgres';
import { type Lsn, parseLsn } from '../protocol/lsn.ts';
import type { CopiedTable } from './copied-table.ts';
import { type CopyCursor, withoutBlocks } from './copy-cursor.ts';
import { CopyClient, type CopyClientOptions } from './copy-client.ts';
import {
  BEGIN_SQL,
  CHUNK_END_SQL,
  chunkSql,
  copyBlocksSql,
  copyKeysSql,
  isUnknownTable,
  lockSql,
  ROW_SECURITY_SQL,
} from './copy-sql.ts';
import { XidSnapshot } from './xid-snapshot.ts';

/** Rows of a table as one snapshot shows them. */
export interface Chunk {
  readonly pieces: readonly RowBlock[];
  readonly rows: number;
  /** Tells which transactions the rows show. */
  readonly snapshot: XidSnapshot;
  /** The end of the log when the rows had been read: whatever they show was committed before. */
  readonly readAt: Lsn;
  /** Where the table goes on; null when it is whole. */
  readonly next: CopyCursor | null;
}

/** What a chunk can not be read for: the table is another one than it was described as. */
export interface Changed {
  readonly isChanged: true;
}

export interface ChunkRequest {
  readonly table: CopiedTable;
  readonly cursor: CopyCursor;
  readonly where: string | null;
  readonly maxRows: number;
  readonly signal: AbortSignal;
}

interface CopiedChunk extends Pick<Chunk, 'pieces' | 'rows'> {
  readonly bytes: number;
  readonly isTooMuch: boolean;
}

/** Rows beyond this wait for the next chunk. */
const MAX_CHUNK_BYTES = 16 * 1024 * 1024;

export interface ChunkReaderOptions extends CopyClientOptions {
  readonly systemIdentifier: string;
  readonly maxBufferedBytes: number;
  readonly maxMessageBytes: number;
}

/**
 * Reads chunks, each in a short transaction of its own over one connection, which is made when it is first needed and
 * again after it was lost.
 */
export class ChunkReader {
  readonly #options: ChunkReaderOptions;
  #client: CopyClient | null = null;
  /** Rows to ask for, when rows are so wide that the limit of bytes comes first. */
  #fittingRows = Number.POSITIVE_INFINITY;
  #blocks = 64;

  constructor(options: ChunkReaderOptions) {
    this.#options = options;
  }

  async read(request: ChunkRequest): Promise<Chunk | Changed> {
    const client = await this.#connected(request.signal);
    try {
      return await this.#read(client, request);
    } catch (error) {
      this.#client = null;
      client.destroy();
      request.signal.throwIfAborted();
      throw error;
    }
  }

  /** Closes the connection; the next chunk makes another. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end();
  }

  async #connected(signal: AbortSignal): Promise<CopyClient> {
    if (this.#client !== null) return this.#client;
    const client = await CopyClient.connect(this.#options, { signal });
    client.onceEnded(() => {
      if (this.#client === client) this.#client = null;
    });
    this.#client = client;
    return client;
  }

  async #read(client: CopyClient, request: ChunkRequest): Promise<Chunk | Changed> {
    const { cursor, table } = request;
    // The lock comes before the snapshot, so that nothing can be written anew between the two.
    const lock = lockSql(table.name, false);
    try {
      await client.query(`${BEGIN_SQL}; ${ROW_SECURITY_SQL}; ${lock}`);
    } catch (error) {
      if (!isUnknownTable(error)) throw error;
      await client.query('ROLLBACK');
      return { isChanged: true };
    }
    const { rows } = await client.query(chunkSql(table.versionNumber), [
      table.leaves.map(({ oid }) => String(oid)),
      String(table.oid),
      table.key.map(({ name }) => name),
    ]);
    const row = rows[0] ?? {};
    if (row['system'] !== this.#options.systemIdentifier) {
      throw new SourceConnectionError(
        'SOURCE_UNREACHABLE',
        'The connection for copies has reached another server than the stream.',
      );
    }
    const shapes = table.leaves.map(({ shape }) => shape).join(' ');
    const order = JSON.stringify([
      table.oid,
      table.key.map(({ name, typeName }) => [name, typeName]),
      row['versions'] ?? '',
    ]);
    const read =
      (row['shapes'] ?? '') !== shapes
        ? null
        : cursor.by === 'ctid'
          ? await this.#readBlocks(client, request, cursor)
          : await this.#readKeys(client, request, cursor, order);
    const after = (await client.query(CHUNK_END_SQL)).rows[0] ?? {};
    if (read === null) return { isChanged: true };
    const readAt = parseLsn(after['written'] ?? '');
    if (readAt === null) throw new SourceProtocolError('The server gave no log position.');
    return { ...read, readAt, snapshot: new XidSnapshot(row['snapshot'] ?? '') };
  }

  async #readBlocks(
    client: CopyClient,
    request: ChunkRequest,
    cursor: CopyCursor & { readonly by: 'ctid' },
  ): Promise<Pick<Chunk, 'pieces' | 'rows' | 'next'> | null> {
    const { table, maxRows, signal } = request;
    const [pending] = cursor.leaves;
    const leaf = table.leaves.find(({ oid }) => oid === pending?.oid);
    const range = pending?.ranges[0];
    // The file is another one: rows do not lie where they lay.
    if (pending === undefined || range === undefined || leaf?.shape !== pending.shape) return null;
    const [from, end] = range;
    const blocks = Math.min(this.#blocks, maxRows);
    // Blocks that came since the table was described hold nothing but what the stream tells.
    const to = Math.min(from + blocks, end ?? Math.max(from + 1, leaf.blocks));
    const isLast = end === null && to >= leaf.blocks;
    const { columns, filter } = table;
    const sql = copyBlocksSql(leaf.name, { columns, filter, from, to });
    const copied = await this.#copy(client, table, sql, signal, this.#blocks > 1);
    if (copied.isTooMuch) {
      this.#blocks >>= 1;
      return this.#readBlocks(client, request, cursor);
    }
    if (copied.rows * 2 < maxRows) this.#blocks = Math.min(blocks * 2, 4_096);
    else if (copied.rows > maxRows) this.#blocks = Math.max(1, this.#blocks >> 1);
    return { ...copied, next: withoutBlocks(cursor, leaf.oid, [from, isLast ? null : to]) };
  }

  async #readKeys(
    client: CopyClient,
    request: ChunkRequest,
    cursor: CopyCursor & { readonly by: 'keyset' },
    order: string,
  ): Promise<Pick<Chunk, 'pieces' | 'rows' | 'next'> | null> {
    const { table, where, signal } = request;
    assertOrdered(table);
    // Under another order (S-05) what lies behind the last key is something else.
    const after = cursor.order === order ? cursor.after : null;
    const { newerThan } = cursor;
    const { columns, filter, isPartitioned, key } = table;
    for (;;) {
      const limit = Math.max(1, Math.min(request.maxRows, this.#fittingRows));
      const sql = copyKeysSql(table.name, {
        columns,
        filter,
        key,
        after,
        isPartitioned,
        where,
        newerThan: newerThan ?? null,
        limit,
      });
      const copied = await this.#copy(client, table, sql, signal, limit > 1);
      if (copied.isTooMuch) {
        this.#fittingRows = Math.max(1, copied.rows >> 1);
        continue;
      }
      if (copied.bytes < MAX_CHUNK_BYTES / 4) this.#fittingRows *= 2;
      const last = copied.pieces.at(-1);
      if (copied.rows < limit || last === undefined) return { ...copied, next: null };
      const next: CopyCursor = { by: 'keyset', after: keyTexts(table, last), order };
      return { ...copied, next: newerThan === undefined ? next : { ...next, newerThan } };
    }
  }

  async #copy(
    client: CopyClient,
    table: CopiedTable,
    sql: string,
    signal: AbortSignal,
    isLimited: boolean,
  ): Promise<CopiedChunk> {
    const { maxBufferedBytes, maxMessageBytes } = this.#options;
    const pieces: Chunk['pieces'][number][] = [];
    let rows = 0;
    let bytes = 0;
    let isTooMuch = false;
    const copied = client.copy(sql, {
      columns: table.columns.length,
      maxBufferedBytes,
      maxMessageBytes,
      signal,
    });
    for await (const piece of copied) {
      // The rest of the statement is read and dropped, so that wide rows do not fill the memory.
      isTooMuch = isTooMuch || (isLimited && bytes + piece.bytes.length > MAX_CHUNK_BYTES);
      if (isTooMuch) continue;
      pieces.push(piece);
      rows += piece.rows;
      bytes += piece.bytes.length;
    }
    return { pieces, rows, bytes, isTooMuch };
  }
}

/** No key is greater than one with a null in it: such rows would be left out without a word. */
function assertOrdered(table: CopiedTable): void {
  const nullable = table.key.find(({ isNullable }) => isNullable);
  if (nullable === undefined) return;
  const column = quoteIdentifier(nullable.name);
  throw new SourceSetupError(
    `The key column ${column} of ${table.label} may be null, so its rows cannot be copied in the order of their key.`,
    {
      remedy: `Run: ALTER TABLE ${qualifiedName(table.name)} ALTER COLUMN ${column} SET NOT NULL;`,
    },
  );
}

/** The key of a block's last row as PostgreSQL's text. */
function keyTexts(table: CopiedTable, block: RowBlock): readonly string[] {
  const row = tupleAt(block, block.rows - 1);
  return table.key.map(({ name }) => {
    const i = table.columns.indexOf(name);
    const at = spanStart(row, i);
    const length = spanLength(row, i);
    if (length < 0)
      throw new SourceProtocolError(`The key column "${name}" of ${table.label} is null.`);
    return row.bytes.toString('utf8', at, at + length);
  });
}
