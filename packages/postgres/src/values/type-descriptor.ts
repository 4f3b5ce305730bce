import type { JsonValue } from '@certyo-cdc/core';

import { typeDescriptorsSql } from './sql.ts';

/** What a type is, as far as decoding needs to know. */
export const TYPE_KINDS = [
  'base',
  'array',
  'domain',
  'enum',
  'composite',
  'range',
  'multirange',
  'pseudo',
] as const;

/** What a type is, as far as decoding needs to know. */
export type TypeKind = (typeof TYPE_KINDS)[number];

/**
 * A type that is not built in, as the catalog described it when it was read. Plain data: it is kept with the
 * checkpoint, because the type may be gone when its last values are read.
 */
export interface TypeDescriptor {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** As `format_type` prints it. */
  readonly formatted: string;
  readonly kind: TypeKind;
  /** The element type of an array, else null. */
  readonly elementOid: number | null;
  /** What separates the elements of an array of this type (for an array: its own elements), usually `,`. */
  readonly delimiter: string;
  /** The type that a domain is made from (it may be a domain too), else null. */
  readonly baseOid: number | null;
  /** The extension that the type belongs to (for an array: its element type), or null. */
  readonly extension: string | null;
}

/** Runs one SQL statement without parameters, so that it also works on a replication connection; answers its rows. */
export type TypeQuery = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/**
 * Reads the descriptors of types, and of the element and base types that they need, in one statement.
 *
 * Types that do not exist are missing from the answer; oids that are asked for twice are answered once. Works on
 * PostgreSQL 10 to 18.
 *
 * @param query Runs the statement under any settings: names come from the catalog, values are cast to text.
 * @throws RangeError for an oid that is not an unsigned 32-bit integer.
 */
export async function readTypeDescriptors(
  query: TypeQuery,
  oids: readonly number[],
): Promise<TypeDescriptor[]> {
  if (oids.length === 0) return [];
  const rows = await query(typeDescriptorsSql(oids));
  return rows.map(readRow);
}

/** Reads a descriptor back from JSON, or answers null for JSON that is none. */
export function typeDescriptorFrom(value: JsonValue): TypeDescriptor | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const json = value as Readonly<Record<string, JsonValue>>;
  const { oid, schema, name, formatted, delimiter } = json;
  const kind = TYPE_KINDS.find((known) => known === json['kind']);
  const elementOid = oidOrNull(json['elementOid']);
  const baseOid = oidOrNull(json['baseOid']);
  const extension = json['extension'];
  if (
    typeof oid !== 'number' ||
    typeof schema !== 'string' ||
    typeof name !== 'string' ||
    typeof formatted !== 'string' ||
    typeof delimiter !== 'string' ||
    kind === undefined ||
    elementOid === undefined ||
    baseOid === undefined ||
    (extension !== null && typeof extension !== 'string')
  ) {
    return null;
  }
  const references = { elementOid, delimiter, baseOid, extension };
  return Object.freeze({ oid, schema, name, formatted, kind, ...references });
}

function oidOrNull(value: JsonValue | undefined): number | null | undefined {
  return value === null || typeof value === 'number' ? value : undefined;
}

function readRow(row: Readonly<Record<string, unknown>>): TypeDescriptor {
  const elementOid = Number(row['element_oid']);
  const baseOid = Number(row['base_oid']);
  return Object.freeze({
    oid: Number(row['oid']),
    schema: String(row['schema']),
    name: String(row['name']),
    formatted: String(row['formatted']),
    kind: kindOf(String(row['typtype']), elementOid !== 0),
    elementOid: elementOid === 0 ? null : elementOid,
    delimiter: String(row['delimiter']),
    baseOid: baseOid === 0 ? null : baseOid,
    extension: typeof row['extension'] === 'string' ? row['extension'] : null,
  });
}

/** `pg_type.typtype` in words. */
function kindOf(typtype: string, isArray: boolean): TypeKind {
  if (isArray) return 'array';
  switch (typtype) {
    case 'c':
      return 'composite';
    case 'd':
      return 'domain';
    case 'e':
      return 'enum';
    case 'm':
      return 'multirange';
    case 'p':
      return 'pseudo';
    case 'r':
      return 'range';
    default:
      return 'base';
  }
}
