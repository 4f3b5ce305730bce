import type { ChangeBatch, ChangeEvent, EventSource } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  createRowChange,
  parseRecordText,
  qualifiedName,
  type QualifiedName,
  recordVersion,
  type SqlExecutor,
  tupleFromTexts,
} from '@certyo-cdc/postgres';
import { CopyFilter } from './copy-filter.ts';
import { copyPageSql, LEAVES_SQL, lockSql, REPEATABLE_READ_SQL, snapshotSql } from './copy-sql.ts';
import { PageSize } from './copy-page-size.ts';
import { type LogColumns, parseLogColumns } from './log-columns.ts';
import type { Relation } from './relation-resolver.ts';

export interface CopyOptions {
  readonly tables: readonly QualifiedName[];
  readonly log: QualifiedName;
  readonly source: EventSource & { readonly systemIdentifier: string };
  readonly epoch: number;
  readonly maxRows: number;
  readonly maxBytes: number;
  /** Makes the decoder of a table's rows, and remembers the table. */
  readonly describe: (columns: LogColumns) => Promise<Relation>;
}

interface Copy {
  readonly id: string;
  readonly version: string;
}

/**
 * Reads the tables as one snapshot shows them, in pages, on a connection whose transaction has just begun.
 *
 * @param handOver Takes one page; resolves when the next one may be read.
 */
export async function copyTables(
  executor: SqlExecutor,
  options: CopyOptions & {
    readonly signal: AbortSignal;
    /** Gives the copy its number, which is greater than that of each earlier attempt. */
    readonly numberOf: (seconds: number) => number;
    readonly handOver: (batch: ChangeBatch) => Promise<void>;
    /** Told of the snapshot before the first row is read. */
    readonly begin: (filter: CopyFilter) => Promise<void>;
  },
): Promise<void> {
  const { epoch, log, numberOf, signal, source, tables } = options;
  await executor.query(REPEATABLE_READ_SQL, [], { signal });
  await executor.query(lockSql(tables), [], { signal });
  const { rows } = await executor.query(snapshotSql(log), [], { signal });
  const text = rows[0]?.['snapshot'] ?? '';
  const n = numberOf(Number(rows[0]?.['seconds']));
  const filter = new CopyFilter({ text, through: BigInt(rows[0]?.['drawn'] ?? 0) });
  await options.begin(filter);
  // Greater than that of an earlier attempt, less than that of every change.
  const version = recordVersion(epoch, 0n, n);
  for (const table of tables) {
    const id = `${source.systemIdentifier}/${tableLabel(table)}/copy-${text.split(':').slice(0, 2).join(':')}-${n}`;
    let count = 0;
    const leaves = await executor.query(LEAVES_SQL, [qualifiedName(table)], { signal });
    for (const leaf of leaves.rows) {
      // What is captured is named by the table above its partitions.
      const columns = parseLogColumns({ ...leaf, schema: table.schema, name: table.name });
      const relation = await options.describe(columns);
      const name = { schema: leaf['schema'] ?? '', name: leaf['name'] ?? '' };
      count = await copyLeaf(executor, { ...options, count, copy: { id, version } }, relation, {
        name,
        blocks: Number(leaf['blocks']),
      });
    }
  }
}

async function copyLeaf(
  executor: SqlExecutor,
  options: CopyOptions & {
    readonly signal: AbortSignal;
    readonly handOver: (batch: ChangeBatch) => Promise<void>;
    readonly copy: Copy;
    readonly count: number;
  },
  relation: Relation,
  leaf: { readonly name: QualifiedName; readonly blocks: number },
): Promise<number> {
  const { copy, handOver, maxBytes, signal, source } = options;
  const size = new PageSize(options);
  const sql = copyPageSql(leaf.name);
  let { count } = options;
  let behind = '(0,0)';
  for (let block = 0; block < leaf.blocks;) {
    const nextBlock = Math.min(block + size.blocks, leaf.blocks);
    const limit = size.rows;
    const { rows } = await executor.query(sql, [behind, `(${nextBlock},0)`, maxBytes, limit], {
      signal,
    });
    const events: ChangeEvent[] = [];
    let bytes = 0;
    for (const row of rows) {
      const txt = row['txt'] ?? '';
      count += 1;
      bytes += 256 + txt.length;
      events.push(
        createRowChange({
          descriptor: relation.descriptor,
          operation: 'snapshot',
          id: `${copy.id}/${count}`,
          version: copy.version,
          transaction: null,
          source,
          before: null,
          after: tupleFromTexts(parseRecordText(txt)),
        }),
      );
    }
    const total = Number(rows[0]?.['total'] ?? 0);
    const isDone = rows.length === total && total < limit;
    size.saw({ rows: rows.length, bytes, isDone });
    if (isDone) {
      block = nextBlock;
      behind = `(${nextBlock},0)`;
    } else behind = rows.at(-1)?.['at'] ?? behind;
    if (events.length > 0) await handOver({ events, bytes, end: null });
  }
  return count;
}
