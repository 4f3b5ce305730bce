import type { TableInfo } from '@certyo-cdc/core';
import {
  columnInfos,
  createRowDescriptor,
  isSameColumn,
  type KnownColumn,
  type KnownRelation,
  OWN_COLUMNS,
  readTypeDescriptors,
  type RowDescriptor,
  type TypeRegistry,
} from '@certyo-cdc/postgres';
import type { RelationMessage } from '../protocol/pgoutput.ts';
import { hasSameColumns } from './known-relation.ts';
import { recordKeyOf } from './record-key.ts';
import { readRelationCatalog } from './relation-catalog.ts';
import type { TextQuery } from './text-query.ts';

/** A relation of the running session, ready to decode rows. */
export interface Relation {
  readonly message: RelationMessage;
  readonly known: KnownRelation;
  readonly table: TableInfo;
  readonly descriptor: RowDescriptor;
  /** Indexes of the columns that belong to the replica identity, as a lookup. */
  readonly inIdentity: readonly boolean[];
  /** Indexes of this library's own columns, which are no part of the row (I10). */
  readonly ownColumns: readonly number[];
}

export interface RelationResolverOptions {
  readonly database: string;
  /** The key columns of a relation, where they are not the primary key; else null. */
  readonly keyOf: (message: RelationMessage) => readonly string[] | null;
  readonly includeGenerated: boolean;
  /** The primary key is another one now, and the records keep the names that they have. */
  readonly onKeyKept?: (
    table: RelationMessage,
    kept: readonly string[],
    primaryKey: readonly string[],
  ) => void;
  readonly types: TypeRegistry;
  readonly query: TextQuery;
}

/** Turns relation messages into decoders of their rows. */
export class RelationResolver {
  readonly #options: RelationResolverOptions;
  /** The last resolved form by oid; it outlives reconnects, because the server sends the same message again. */
  readonly #cache = new Map<number, Relation>();

  constructor(options: RelationResolverOptions) {
    this.#options = options;
  }

  /** The relation without asking the server, when nothing about it has changed since it was last resolved. */
  cached(message: RelationMessage): Relation | null {
    const relation = this.#cache.get(message.oid);
    return relation !== undefined && isSameMessage(relation.message, message) ? relation : null;
  }

  /** Reads from the catalog what the message leaves open. `known` is what was last known of this table. */
  async resolve(message: RelationMessage, known: KnownRelation | null): Promise<Relation> {
    const { query, types } = this.#options;
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
      if (isKept) this.#options.onKeyKept?.(message, key, primaryKey);
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
        nullable: entry?.nullable ?? before?.nullable ?? null,
        isGenerated: entry?.generated ?? before?.isGenerated ?? false,
      };
    });
    const relation = this.#assemble(message, columns, key);
    this.#cache.set(message.oid, relation);
    return relation;
  }

  #assemble(
    message: RelationMessage,
    columns: readonly KnownColumn[],
    keyColumns: readonly string[],
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
    return {
      message,
      known: {
        oid: message.oid,
        schema: message.schema,
        name: message.name,
        columns,
        key: keyColumns,
      },
      table,
      descriptor: createRowDescriptor({ table, registry: this.#options.types, omit, keyColumns }),
      inIdentity: message.columns.map((column) => column.inIdentity),
      ownColumns: columns.flatMap((column, i) => (OWN_COLUMNS.has(column.name) ? [i] : [])),
    };
  }
}

function isSameMessage(a: RelationMessage, b: RelationMessage): boolean {
  return (
    a.schema === b.schema &&
    a.name === b.name &&
    a.replicaIdentity === b.replicaIdentity &&
    a.columns.length === b.columns.length &&
    a.columns.every((column, i) => {
      const other = b.columns[i];
      return isSameColumn(column, other) && column.inIdentity === other?.inIdentity;
    })
  );
}
