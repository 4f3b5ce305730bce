import type { RecordDraft } from '@certyo-cdc/core/internal';

import { openRowsSql, SCANNED_ROWS } from './column-sql.ts';
import type { ColumnWriter } from './column-writer.ts';
import type { TargetAccess } from './target-access.ts';
import { readRow, textOf } from './target-table.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** A row whose status is not `anchored`, with the record that it would be; null where none can be made of it. */
export interface OpenRow {
  readonly key: readonly string[];
  readonly draft: RecordDraft | null;
}

/** Once through a table in the order of the key, a page at a time: rows that stay open never stand in the way of others. */
export async function* openRows(
  access: TargetAccess,
  writer: ColumnWriter,
  pageSize: number,
  options: CallOptions,
): AsyncGenerator<readonly OpenRow[], void, undefined> {
  writer.forget();
  let after: readonly string[] | null = null;
  do {
    const page: Page = await readPage(access, writer, pageSize, after, options);
    if (page.rows.length > 0) yield page.rows;
    after = page.next;
  } while (after !== null);
}

interface Page {
  readonly rows: readonly OpenRow[];
  /** The key behind which to go on, or null. */
  readonly next: readonly string[] | null;
}

function readPage(
  access: TargetAccess,
  writer: ColumnWriter,
  pageSize: number,
  after: readonly string[] | null,
  options: CallOptions,
): Promise<Page> {
  return access.read(async (executor) => {
    const table = await writer.table(executor, options);
    const payloads = writer.payloads(table);
    const { rows } = await executor.query(
      openRowsSql(table, after !== null),
      [pageSize, ...(after ?? [])],
      options,
    );
    const keyOf = (found: (typeof rows)[number]): readonly string[] => {
      const row = readRow(table, found);
      return table.key.map((column) => textOf(table, row, column) ?? '');
    };
    const last = rows.at(-1);
    const isMore = rows.length === pageSize || Number(last?.['n']) === SCANNED_ROWS;
    return {
      rows: rows
        .filter((found) => found['is_open'] === 'true')
        .map((found) => ({ key: keyOf(found), draft: payloads.now(readRow(table, found)) })),
      next: isMore && last !== undefined ? keyOf(last) : null,
    };
  }, options);
}
