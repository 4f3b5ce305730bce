import { goneTableNumber } from './gone-table-number.ts';
import type { KnownRelation } from '../stream/known-relation.ts';
import { tableLabel } from '@certyo-cdc/core/internal';
import type { RelationColumn, RelationMessage, ReplicaIdentity } from '../protocol/pgoutput.ts';
import type { TextQuery } from '../stream/text-query.ts';

interface NamedTable {
  readonly schema: string;
  readonly name: string;
}

/** A column as a change shows it. */
export interface ShownColumn {
  readonly name: string;
  readonly typeOid: number;
  /** As `format_type` prints it; empty where the plugin does not tell. */
  readonly typeName: string;
  /** Its number in the table, or null where the plugin does not tell. */
  readonly position: number | null;
}

/** What a change shows of its table. */
export interface ShownTable {
  readonly schema: string;
  readonly name: string;
  /** The columns of the new row, in the order of the table; null where there is none (a delete, a truncate). */
  readonly columns: readonly ShownColumn[] | null;
  /** True where columns of the table may be missing from it: those whose large value an update left alone. */
  readonly mayLack: boolean;
  /** The columns of the old row or its key; null where none was shown. */
  readonly identity: readonly string[] | null;
}

interface CatalogColumn extends ShownColumn {
  readonly typeModifier: number;
  readonly inIdentity: boolean;
  readonly isKey: boolean;
  readonly mayBeToasted: boolean;
}

interface CatalogTable {
  readonly oid: number | null;
  readonly replicaIdentity: ReplicaIdentity;
  readonly columns: readonly CatalogColumn[];
}

interface Described {
  readonly message: RelationMessage;
  readonly columns: readonly ShownColumn[];
  /** The transaction in which the catalog was last asked whether missing columns are still there. */
  checkedIn: number;
}

const TABLE_SQL = `
  SELECT c.oid::text AS oid, c.relreplident::text AS identity, a.attname::text AS name, a.atttypid::text AS type_oid,
         a.atttypmod::text AS modifier, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_name, a.attnum::text AS position,
         (a.attlen = -1 AND a.attstorage <> 'p')::text AS may_be_toasted,
         EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary
                    AND a.attnum = ANY (i.indkey::pg_catalog.int2[]))::text AS is_key,
         EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisreplident
                    AND a.attnum = ANY (i.indkey::pg_catalog.int2[]))::text AS in_index
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   WHERE n.nspname = $1 AND c.relname = $2
   ORDER BY a.attnum`;

/**
 * Describes tables for plugins that do not: from what the changes show, and from the catalog what they leave open, which may
 * be ahead of the change.
 */
export class DescribedTables {
  readonly #query: TextQuery;
  readonly #lastKnown: (table: NamedTable) => KnownRelation | null;
  readonly #tables = new Map<string, Described>();

  /** @param lastKnown What was known of a table where reading began. */
  constructor(query: TextQuery, lastKnown: (table: NamedTable) => KnownRelation | null) {
    this.#query = query;
    this.#lastKnown = lastKnown;
  }

  /** The description of a change's table, and whether it is another one than before. */
  async describe(
    shown: ShownTable,
    xid: number,
  ): Promise<{ readonly relation: RelationMessage; readonly isNew: boolean }> {
    const label = tableLabel(shown);
    const known = this.#tables.get(label);
    if (known !== undefined && fits(known, shown, xid)) {
      return { relation: known.message, isNew: false };
    }
    const catalog = await this.#catalog(shown);
    const columns = columnsOf(shown, catalog, known?.columns ?? this.#before(shown));
    const message = relationMessage(shown, columns, catalog, known?.message ?? null);
    const isNew = known === undefined || !isSame(known.message, message);
    const described = { message: isNew ? message : known.message, columns, checkedIn: xid };
    this.#tables.set(label, described);
    return { relation: described.message, isNew };
  }

  #before(table: NamedTable): readonly ShownColumn[] | null {
    return (
      this.#lastKnown(table)?.columns.map(({ name, typeName, typeOid }) => ({
        name,
        typeName,
        typeOid,
        position: null,
      })) ?? null
    );
  }

  async #catalog({ name, schema }: ShownTable): Promise<CatalogTable> {
    const rows = await this.#query(TABLE_SQL, [schema, name]);
    const identity = (rows[0]?.['identity'] ?? 'd') as ReplicaIdentity;
    return {
      oid: rows[0]?.['oid'] == null ? null : Number(rows[0]['oid']),
      replicaIdentity: identity,
      columns: rows.map((row) => ({
        name: row['name'] ?? '',
        typeOid: Number(row['type_oid']),
        typeName: row['type_name'] ?? '',
        typeModifier: Number(row['modifier']),
        position: Number(row['position']),
        mayBeToasted: row['may_be_toasted'] === 'true',
        isKey: row['is_key'] === 'true',
        inIdentity: identity === 'f' || row[identity === 'i' ? 'in_index' : 'is_key'] === 'true',
      })),
    };
  }
}

/** Whether a change is as its table was last described. */
function fits(known: Described, shown: ShownTable, xid: number): boolean {
  const { columns, identity } = shown;
  if (identity !== null && !fitsIdentity(known.message, identity)) return false;
  if (columns === null) return true;
  const lacksNone = columns.length === known.columns.length;
  // Columns that are missing may have been dropped since the last transaction.
  if (!lacksNone && (!shown.mayLack || known.checkedIn !== xid)) return false;
  let at = 0;
  for (const column of known.columns) {
    const other = columns[at];
    if (other !== undefined && isSameColumn(column, other)) at += 1;
  }
  return at === columns.length;
}

function fitsIdentity(
  { columns, replicaIdentity }: RelationMessage,
  names: readonly string[],
): boolean {
  if (!names.every((name) => columns.some((column) => column.name === name))) return false;
  const expected = replicaIdentity === 'f' ? columns : columns.filter((c) => c.inIdentity);
  return expected.length === names.length && expected.every((c) => names.includes(c.name));
}

function isSameColumn(column: ShownColumn, other: ShownColumn): boolean {
  return (
    column.name === other.name &&
    column.typeOid === other.typeOid &&
    (column.typeName === other.typeName || other.typeName === '') &&
    (column.position === null || other.position === null || column.position === other.position)
  );
}

/**
 * The columns of the table as it was: those that are shown, and those that are missing because the update left their large
 * values alone. A column that was there before and is in the catalog still was not dropped. Where nothing is known from
 * before, the catalog alone says which there are.
 */
function columnsOf(
  { columns, mayLack }: ShownTable,
  catalog: CatalogTable,
  before: readonly ShownColumn[] | null,
): readonly ShownColumn[] {
  if (columns === null) return before ?? catalog.columns;
  if (!mayLack) return columns;
  const isThere = (one: ShownColumn, other: ShownColumn): boolean =>
    one.position !== null && other.position !== null
      ? one.position === other.position
      : one.name === other.name;
  const lacking = (before ?? catalog.columns).flatMap((column) => {
    if (columns.some((shown) => isThere(shown, column))) return [];
    const found = catalog.columns.find((one) => isThere(one, column) && one.mayBeToasted);
    return found === undefined ? [] : [{ ...column, position: found.position }];
  });
  return [...columns, ...lacking].sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
}

function relationMessage(
  shown: ShownTable,
  columns: readonly ShownColumn[],
  catalog: CatalogTable,
  before: RelationMessage | null,
): RelationMessage {
  const { identity, name, schema } = shown;
  const found = new Map(catalog.columns.map((column) => [column.name, column]));
  const replicaIdentity = identityLetter(identity, columns, catalog, before);
  return {
    oid: catalog.oid ?? before?.oid ?? goneTableNumber(tableLabel(shown)),
    schema,
    name,
    replicaIdentity,
    columns: columns.map((column): RelationColumn => ({
      name: column.name,
      typeOid: column.typeOid,
      typeModifier: modifierOf(column, found.get(column.name)),
      inIdentity:
        replicaIdentity === 'f' ||
        (identity === null
          ? (found.get(column.name)?.inIdentity ?? false)
          : identity.includes(column.name)),
    })),
  };
}

/** By what the change shows, where it shows it: the catalog may have another one by now. */
function identityLetter(
  identity: readonly string[] | null,
  columns: readonly ShownColumn[],
  catalog: CatalogTable,
  before: RelationMessage | null,
): ReplicaIdentity {
  const { replicaIdentity } = catalog;
  if (identity === null) return before?.replicaIdentity ?? replicaIdentity;
  const key = catalog.columns.filter(({ isKey }) => isKey);
  const isWhole = identity.length === columns.length;
  const isKey = key.length === identity.length && key.every(({ name }) => identity.includes(name));
  if (isWhole && isKey) return replicaIdentity;
  if (isWhole) return 'f';
  return isKey ? 'd' : 'i';
}

/** The type modifier of `character varying(20)` and its like, which only the text of the type tells. */
function modifierOf(column: ShownColumn, found: CatalogColumn | undefined): number {
  const isFound =
    found?.typeOid === column.typeOid &&
    (found.typeName === column.typeName || column.typeName === '');
  if (isFound) {
    return found.typeModifier;
  }
  const match = /^([^(]*)\((\d+)(?:,(-?\d+))?\)/u.exec(column.typeName);
  if (match === null) return -1;
  const [, type = '', first, second = '0'] = match;
  const [length, scale] = [Number(first), Number(second)];
  if (type.startsWith('character')) return length + 4;
  if (type === 'numeric') return ((length << 16) | (scale & 0x7ff)) + 4;
  return /^(?:bit|time)/u.test(type) ? length : -1;
}

function isSame(a: RelationMessage, b: RelationMessage): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
