import type { TableInfo } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  columnInfos,
  createRowDescriptor,
  type KnownColumn,
  OWN_COLUMNS,
  readTypeDescriptors,
  type RowDescriptor,
  type TypeRegistry,
} from '@certyo-cdc/postgres';
import type { KnownRelation } from './known-relation.ts';
import type { LogColumns } from './log-columns.ts';
import { recordKeyOf } from './record-key.ts';
import { PRIMARY_KEY_SQL } from './sql.ts';
import type { TextQuery } from './text-query.ts';

/** A table as it was when a change was made, ready to decode rows. */
export interface Relation {
  readonly known: KnownRelation;
  readonly label: string;
  readonly table: TableInfo;
  readonly descriptor: RowDescriptor;
  /** Indexes of this library's own columns, which are no part of the row (I10). */
  readonly ownColumns: readonly number[];
}

export interface RelationResolverOptions {
  readonly database: string;
  /** Key columns by table label, where they are not the primary key. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  readonly types: TypeRegistry;
  readonly query: TextQuery;
}

/** Turns column descriptions of the log into decoders of rows. */
export class RelationResolver {
  readonly #options: RelationResolverOptions;

  constructor(options: RelationResolverOptions) {
    this.#options = options;
  }

  /** Asks the catalog for what a first sight leaves open. `known` is what was last known of the captured table. */
  async resolve(columns: LogColumns, known: KnownRelation | null): Promise<Relation> {
    const { keys, query, types } = this.#options;
    const missing = types.missing(columns.columns.map((column) => column.typeOid));
    if (missing.length > 0) types.add(await readTypeDescriptors(query, missing));
    const label = tableLabel(columns);
    const names = new Set(columns.columns.map((column) => column.name));
    const configured = keys[label] ?? null;
    const lastKnown = known?.key ?? null;
    const isSettled = configured !== null || lastKnown?.every((name) => names.has(name)) === true;
    const key = recordKeyOf(columns, names, {
      configured,
      lastKnown,
      primaryKey: isSettled ? null : await this.#primaryKey(columns.rootOid),
    });
    return this.#assemble(columns, label, key);
  }

  async #primaryKey(oid: number): Promise<readonly string[] | null> {
    const rows = await this.#options.query(PRIMARY_KEY_SQL, [String(oid)]);
    return rows.length === 0 ? null : rows.map((row) => row['name'] ?? '');
  }

  #assemble(from: LogColumns, label: string, key: readonly string[]): Relation {
    const columns = from.columns.map((column): KnownColumn => ({
      ...column,
      isKey: key.includes(column.name),
    }));
    const table: TableInfo = {
      database: this.#options.database,
      schema: from.schema,
      name: from.name,
      oid: from.rootOid,
      columns: columnInfos(columns),
    };
    const omit = columns
      .filter((column) => OWN_COLUMNS.has(column.name) || column.isGenerated)
      .map((column) => column.name);
    return {
      known: {
        oid: from.rootOid,
        schema: from.schema,
        name: from.name,
        layout: from.relation,
        columns,
        key,
      },
      label,
      table,
      descriptor: createRowDescriptor({
        table,
        registry: this.#options.types,
        omit,
        keyColumns: key,
      }),
      ownColumns: columns.flatMap((column, i) => (OWN_COLUMNS.has(column.name) ? [i] : [])),
    };
  }
}
