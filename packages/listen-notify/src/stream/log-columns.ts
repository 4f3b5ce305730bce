import { GapError, SourceProtocolError } from '@certyo-cdc/core';
import type { KnownColumn, QualifiedName } from '@certyo-cdc/postgres';
import { logColumnsSql } from './sql.ts';
import type { TextQuery } from './text-query.ts';

/** The columns of a table as the trigger noted them with the first change that had them. */
export interface LogColumns extends QualifiedName {
  /** The table that holds the row: a partition, where there are some. */
  readonly relation: number;
  /** The captured table: for a partition, the partitioned table above it. */
  readonly rootOid: number;
  /** In the order in which rows hold them. */
  readonly columns: readonly Omit<KnownColumn, 'isKey'>[];
}

/** Reads column descriptions of the log, each once. */
export class LogColumnsReader {
  readonly #sql: string;
  readonly #query: TextQuery;
  readonly #known = new Map<string, LogColumns>();

  constructor(log: QualifiedName, query: TextQuery) {
    this.#sql = logColumnsSql(log);
    this.#query = query;
  }

  /** Reads what is not known yet of the digests that a page names. */
  async load(digests: Iterable<string>): Promise<void> {
    const missing = [...new Set(digests)].filter((digest) => !this.#known.has(digest));
    if (missing.length === 0) return;
    for (const row of await this.#query(this.#sql, [missing])) {
      this.#known.set(row['digest'] ?? '', parseLogColumns(row));
    }
  }

  get(digest: string): LogColumns {
    const columns = this.#known.get(digest);
    if (columns !== undefined) return columns;
    throw new GapError(
      'GAP_LOG',
      'A change in the log has columns whose description is gone from the log.',
      {
        remedy:
          'Rows were deleted from the table of column descriptions. Run source.teardown() and source.setup(), and copy the tables again under a new pipeline name.',
      },
    );
  }
}

interface StoredColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeName: string;
  readonly typeModifier: number;
  readonly nullable: boolean;
  readonly generated: boolean | string;
}

/** Reads a description as the trigger writes it. */
export function parseLogColumns(row: Readonly<Record<string, string | null>>): LogColumns {
  const stored = JSON.parse(row['columns'] ?? 'null') as unknown;
  if (!Array.isArray(stored)) {
    throw new SourceProtocolError('A description of columns in the change log cannot be read.');
  }
  return {
    relation: Number(row['relation']),
    rootOid: Number(row['root']),
    schema: row['schema'] ?? '',
    name: row['name'] ?? '',
    columns: (stored as readonly StoredColumn[]).map((column) => ({
      name: column.name,
      typeOid: Number(column.typeOid),
      typeName: column.typeName,
      typeModifier: Number(column.typeModifier),
      nullable: column.nullable,
      isGenerated:
        column.generated === true || (column.generated !== false && column.generated !== ''),
    })),
  };
}
