import type pg from 'pg';

/** What a parameter may be. Lists become PostgreSQL arrays; everything goes over as text, except bytes. */
export type SqlParameter =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly (string | null)[];

/** A row by column name, every value as PostgreSQL's text. Has no prototype: any column name is safe. */
export type SqlRow = Readonly<Record<string, string | null>>;

/** What a statement gave. */
export interface SqlResult<Row = SqlRow> {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** Rows that the command touched, or 0 where that has no meaning. */
  readonly rowCount: number;
}

/** The part of a client that a query needs. */
export interface Queryable {
  query(config: pg.QueryArrayConfig): Promise<pg.QueryArrayResult | pg.QueryArrayResult[]>;
}

const AS_TEXT = {
  getTypeParser: () => (value: unknown) => value,
} as unknown as pg.CustomTypesConfig;

/**
 * Runs a statement and gives its values as text, untouched by type parsers, also by those that an application has set for
 * its own use. Without parameters the simple protocol is used, which replication connections need and which allows
 * several statements; the last one's rows are given.
 */
export async function queryText<Row = SqlRow>(
  client: Queryable,
  text: string,
  parameters?: readonly SqlParameter[],
): Promise<SqlResult<Row>> {
  const answer = await client.query({
    text,
    rowMode: 'array',
    types: AS_TEXT,
    ...(parameters === undefined || parameters.length === 0
      ? {}
      : { values: parameters.map(asParameter) }),
  });
  const result = Array.isArray(answer) ? answer.at(-1) : answer;
  const columns = result?.fields.map((field) => field.name) ?? [];
  const rows = (result?.rows ?? []).map((values: readonly unknown[]) => {
    const row = Object.create(null) as Record<string, unknown>;
    for (const [index, name] of columns.entries()) row[name] = values[index] ?? null;
    return row as Row;
  });
  return { columns, rows, rowCount: result?.rowCount ?? 0 };
}

function asParameter(parameter: SqlParameter): unknown {
  if (Buffer.isBuffer(parameter)) return parameter;
  if (parameter instanceof Uint8Array) return Buffer.from(parameter);
  return typeof parameter === 'bigint' ? parameter.toString() : parameter;
}
