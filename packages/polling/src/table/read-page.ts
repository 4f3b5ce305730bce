import { quoteIdentifier, type SqlExecutor, type SqlParameter } from '@certyo-cdc/postgres';
import { fromTable } from '../deletes/keyed-table.ts';
import { headerSql, type PageHeader, parseHeader } from './header-sql.ts';
import type { TablePlan } from './table-plan.ts';

/** Which rows a page holds. */
export interface PageRequest {
  /** Conditions over the table as `t`; `$n` counts from `parameters`. */
  readonly where: readonly string[];
  readonly parameters: readonly SqlParameter[];
  readonly guard: string | null;
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** A row as it was read. */
export interface PageRow {
  /** The text of the cursor's column. */
  readonly lead: string;
  /** Texts of the plan's columns. */
  readonly texts: readonly (string | null)[];
}

/** Rows in the order of the cursor's column and the key, and what was true in their snapshot. */
export interface RawPage {
  readonly header: PageHeader;
  readonly rows: readonly PageRow[];
  /** Bytes of text that the rows keep. */
  readonly bytes: number;
  /** There may be more. */
  readonly isCut: boolean;
}

/** Parameters before those of the request. */
export const FIRST_PARAMETER = 3;

/** Reads one page in one statement. */
export async function readPage(
  session: SqlExecutor,
  plan: TablePlan,
  request: PageRequest,
  options: { readonly signal: AbortSignal },
): Promise<RawPage> {
  const { rows } = await session.query(
    pageSql(plan, request),
    [request.maxRows, request.maxBytes, ...request.parameters],
    options,
  );
  let header: string | null | undefined;
  const found: { readonly n: number; readonly row: PageRow }[] = [];
  let bytes = 0;
  let total = 0;
  for (const row of rows) {
    if (row['h'] !== null) {
      header = row['h'];
      continue;
    }
    const texts = plan.columns.map((_, index) => row[`c${index}`] ?? null);
    for (const text of texts) bytes += 16 + (text === null ? 0 : Buffer.byteLength(text));
    total = Math.max(total, Number(row['total']));
    found.push({
      n: Number(row['n']),
      row: { lead: row['l'] ?? '', texts },
    });
  }
  found.sort((a, b) => a.n - b.n);
  return {
    header: parseHeader(header ?? '[]'),
    rows: found.map(({ row }) => row),
    bytes,
    isCut: found.length < total || total >= request.maxRows,
  };
}

/**
 * $1 greatest number of rows, $2 bytes after which a page ends (I7); the rows beyond are counted, not sent. Columns are
 * listed, because `*` needs the right to read all of them, and given as the types' output functions print them, because a
 * cast to text would not (boolean, character(n), inet).
 */
function pageSql(plan: TablePlan, request: PageRequest): string {
  const order = [plan.lead.name, ...plan.key.map(({ name }) => name)].map(
    (name) => `t.${quoteIdentifier(name)}`,
  );
  const lead = `t.${quoteIdentifier(plan.lead.name)}`;
  const columns = plan.columns.map(
    ({ name }, index) => `t.${quoteIdentifier(name)} AS c${String(index)}`,
  );
  const large = plan.columns
    .filter(({ mayBeToasted }) => mayBeToasted)
    .map(({ name }) => `coalesce(pg_catalog.octet_length(t.${quoteIdentifier(name)}::text), 0)`);
  const size = [`${plan.columns.length * 16}::int8`, ...large].join(' + ');
  const names = plan.columns.map((_, index) => `c${index}`);
  const where = request.where.length === 0 ? '' : `WHERE ${request.where.join(' AND ')}`;
  return `SELECT NULL::text AS h, p.n, p.total, p.l, ${names.map((name) => `p.${name}`).join(', ')}
FROM (
  SELECT s.*, pg_catalog.sum(s.size) OVER (ORDER BY s.n ROWS UNBOUNDED PRECEDING) - s.size AS before,
    pg_catalog.count(*) OVER () AS total
  FROM (
    SELECT ${lead} AS l, ${columns.join(', ')}, ${size} AS size,
      pg_catalog.row_number() OVER (ORDER BY ${order.join(', ')}) AS n
    FROM ${fromTable(plan.keyed)} AS t ${where}
    ORDER BY ${order.join(', ')} LIMIT $1::int8
  ) AS s
) AS p WHERE p.before < $2::int8 OR p.n = 1
UNION ALL
SELECT ${headerSql(plan.settings, request.guard)}, NULL, NULL, NULL${names.map(() => ', NULL').join('')}`;
}
