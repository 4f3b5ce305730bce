import type { SourceEvent, TableInfo } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  columnInfos,
  createRowDescriptor,
  type KnownColumn,
  type KnownRelation,
  OWN_COLUMNS,
  readTypeDescriptors,
  type RowDescriptor,
  type TypeRegistry,
} from '@certyo-cdc/postgres';
import type { RelationMessage } from '../protocol/pgoutput.ts';
import { hasSameColumns, isSameRelation } from './known-relation.ts';
import { recordKeyOf } from './record-key.ts';
import { generatedBefore, keyKept } from './relation-warnings.ts';
import { ChangeCounter } from './open-transaction.ts';
import { readRelationCatalog } from './relation-catalog.ts';
import type { TextQuery } from './text-query.ts';

const NONE: readonly number[] = Object.freeze([]);

/** A relation of the running session, ready to decode rows. */
export interface Relation {
  readonly message: RelationMessage;
  readonly known: KnownRelation;
  readonly table: TableInfo;
  /** Of all tables that bear its name. */
  readonly counter: ChangeCounter;
  readonly descriptor: RowDescriptor;
  /** Indexes of the columns that belong to the replica identity, as a lookup. */
  readonly inIdentity: readonly boolean[];
  /** The catalog says something else of its columns by now, and the stream has not told since when. */
  readonly isOutdated: boolean;
  /** Indexes of this library's own columns, which are no part of the row (I10). */
  readonly ownColumns: readonly number[];
}

export interface RelationResolverOptions {
  readonly database: string;
  /** The key columns of a relation, where they are not the primary key; else null. */
  readonly keyOf: (message: RelationMessage) => readonly string[] | null;
  readonly includeGenerated: boolean;
  readonly onEvent?: (event: SourceEvent) => void;
  readonly types: TypeRegistry;
  readonly query: TextQuery;
}

/** Turns relation messages into decoders of their rows. */
export class RelationResolver {
  readonly #options: RelationResolverOptions;
  readonly #counters = new Map<string, ChangeCounter>();

  constructor(options: RelationResolverOptions) {
    this.#options = options;
  }

  /**
   * Reads from the catalog what the message leaves open. `known` is what was last known of this table.
   *
   * @param options `prefersKnown`: what the stream does not tell of the columns (whether they are generated, or may be null)
   *   is what was known of them, and not what the catalog says by now (I4).
   */
  async resolve(
    message: RelationMessage,
    known: KnownRelation | null,
    { prefersKnown = false }: { readonly prefersKnown?: boolean } = {},
  ): Promise<Relation> {
    const { onEvent, query, types } = this.#options;
    const catalog = await readRelationCatalog(query, message);
    const missing = types.missing(message.columns.map((column) => column.typeOid));
    if (missing.length > 0) types.add(await readTypeDescriptors(query, missing));
    const lastKnown = known !== null && hasSameColumns(known, message) ? known : null;
    const key = recordKeyOf(message, {
      configured: this.#options.keyOf(message),
      primaryKey: catalog.primaryKey,
      lastKnown: known?.key ?? null,
      hasSameColumns: lastKnown !== null,
    });
    const { primaryKey } = catalog;
    if (message.replicaIdentity === 'f' && primaryKey !== null && lastKnown !== null) {
      const isKept = key === lastKnown.key && key.join('\0') !== primaryKey.join('\0');
      if (isKept) onEvent?.(keyKept(tableLabel(message), key, primaryKey));
    }
    const columns = message.columns.map((column, i): KnownColumn => {
      const entry = catalog.columns.get(column.name);
      const before = lastKnown?.columns[i];
      const typeName = catalog.typeNames[i] ?? '???';
      return {
        name: column.name,
        typeOid: column.typeOid,
        typeModifier: column.typeModifier,
        typeName: typeName === '???' ? (before?.typeName ?? '???') : typeName,
        isKey: key.includes(column.name),
        nullable:
          (prefersKnown ? before?.nullable : null) ?? entry?.nullable ?? before?.nullable ?? null,
        isGenerated:
          (prefersKnown ? before?.isGenerated : null) ??
          entry?.generated ??
          before?.isGenerated ??
          false,
      };
    });
    const outdated = columns.filter(({ isGenerated, name }) => {
      const entry = catalog.columns.get(name);
      return entry !== undefined && entry.generated !== isGenerated;
    });
    const isOutdated = outdated.length > 0;
    if (isOutdated) {
      const names = outdated.map(({ name }) => name);
      onEvent?.(generatedBefore(tableLabel(message), names));
    }
    return this.#assemble(message, known, columns, key, isOutdated);
  }

  #assemble(
    message: RelationMessage,
    known: KnownRelation | null,
    columns: readonly KnownColumn[],
    keyColumns: readonly string[],
    isOutdated: boolean,
  ): Relation {
    const table: TableInfo = {
      database: this.#options.database,
      schema: message.schema,
      name: message.name,
      oid: message.oid,
      columns: columnInfos(columns),
    };
    const omit = columns
      .filter(
        (column) =>
          OWN_COLUMNS.has(column.name) || (column.isGenerated && !this.#options.includeGenerated),
      )
      .map((column) => column.name);
    const own = columns.flatMap((column, i) => (OWN_COLUMNS.has(column.name) ? [i] : []));
    const { name, oid, schema } = message;
    const described: KnownRelation = { oid, schema, name, columns, key: keyColumns };
    return {
      message,
      known: known !== null && isSameRelation(known, described) ? known : described,
      table,
      counter: this.#counterOf(tableLabel(table)),
      descriptor: createRowDescriptor({ table, registry: this.#options.types, omit, keyColumns }),
      inIdentity: message.columns.map((column) => column.inIdentity),
      isOutdated,
      ownColumns: own.length === 0 ? NONE : own,
    };
  }

  #counterOf(label: string): ChangeCounter {
    const counter = this.#counters.get(label) ?? new ChangeCounter(label);
    this.#counters.set(label, counter);
    return counter;
  }
}
