import type { RowHint, SqlRow } from '@certyo-cdc/postgres';
import { COLUMNS_DIGEST } from './notify-function.ts';

type Columns = RowHint['columns'];

/** $1 oid of the table. */
const COLUMNS_SQL = `SELECT ${COLUMNS_DIGEST} AS digest,
  pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname, 'typeOid', a.atttypid::int8) ORDER BY a.attnum)::text AS columns
FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped`;

/** How long a table is not asked about again, milliseconds, after a digest that was not its own. */
const ASK_AGAIN_MS = 1_000;

/** The columns of tables by their digest. */
export class ColumnCache {
  readonly #query: (sql: string, parameters: readonly string[]) => Promise<readonly SqlRow[]>;
  readonly #known = new Map<number, { readonly digest: string; readonly columns: Columns }>();
  /** By table: when it was asked about last. */
  readonly #askedAtMs = new Map<number, number>();

  constructor(query: (sql: string, parameters: readonly string[]) => Promise<readonly SqlRow[]>) {
    this.#query = query;
  }

  /** The columns that have this digest, or null when the table has other ones by now. */
  async columns(relation: number, digest: string): Promise<Columns | null> {
    const known = this.#known.get(relation);
    if (known?.digest === digest) return known.columns;
    const nowMs = performance.now();
    if (nowMs - (this.#askedAtMs.get(relation) ?? -ASK_AGAIN_MS) < ASK_AGAIN_MS) return null;
    this.#askedAtMs.set(relation, nowMs);
    const [row] = await this.#query(COLUMNS_SQL, [String(relation)]);
    if (row?.['digest'] != null && row['columns'] != null) {
      const columns = JSON.parse(row['columns']) as Columns;
      this.#known.set(relation, { digest: row['digest'], columns });
      if (row['digest'] === digest) return columns;
    }
    return null;
  }
}
