import type { RecordDraft } from '@certyo-cdc/core/internal';

import { openRowsSql } from './column-sql.ts';
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
  for (;;) {
    const page: readonly OpenRow[] = await readPage(access, writer, pageSize, after, options);
    const last: OpenRow | undefined = page.at(-1);
    if (last === undefined) return;
    yield page;
    if (page.length < pageSize) return;
    after = last.key;
  }
}

function readPage(
  access: TargetAccess,
  writer: ColumnWriter,
  pageSize: number,
  after: readonly string[] | null,
  options: CallOptions,
): Promise<readonly OpenRow[]> {
  return access.read(async (executor) => {
    const table = await writer.table(executor, options);
    const payloads = writer.payloads(table);
    const { rows } = await executor.query(
      openRowsSql(table, after !== null),
      [pageSize, ...(after ?? [])],
      options,
    );
    return rows.map((found) => {
      const row = readRow(table, found);
      return {
        key: table.key.map((column) => textOf(table, row, column) ?? ''),
        draft: payloads.now(row),
      };
    });
  }, options);
}
