import { canonicalJson, JsonNumber, type JsonValue, parseJson } from '@certyo-cdc/core';
import fc from 'fast-check';
import type { Client } from 'pg';

import { readTypeDescriptors } from '../type-descriptor.ts';
import { createTypeRegistry } from '../type-registry.ts';
import { toJson, type ValueCodec } from '../value-codec.ts';

/** A type with random literals of it: what the oracle tests go through. */
export interface TypeCase {
  /** As SQL knows it, for example `numeric(20,5)`. */
  readonly type: string;
  readonly literals: fc.Arbitrary<string>;
  /** False for types without an `=`, or with one that means something else (the area of a box). @default true */
  readonly hasEquality?: boolean | undefined;
  /** True for a domain over an array. @default false */
  readonly isArray?: boolean | undefined;
  /** How its JSON is turned back into a literal. @default 'text' */
  readonly shape?: 'text' | 'json' | 'hstore' | undefined;
  /** What separates array elements. @default ',' */
  readonly delimiter?: string | undefined;
}

/** How many values of one type are tried: a twentieth by default, times `CAMPAIGN_SCALE`. */
export function sampleSize(twentieth: number): number {
  return Math.ceil(twentieth * Number(process.env['CAMPAIGN_SCALE'] ?? '1'));
}

/** From `FC_SEED`, or another one for each run. */
export const seed: number = Number(process.env['FC_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Values of an arbitrary, the same for the same seed and name. */
export function sample<Value>(arbitrary: fc.Arbitrary<Value>, size: number, name: string): Value[] {
  let mixed = seed;
  for (const char of name) mixed = (Math.imul(mixed, 31) + (char.codePointAt(0) ?? 0)) | 0;
  return fc.sample(arbitrary, { numRuns: size, seed: mixed });
}

const RAW = { getTypeParser: () => (text: unknown) => text };

/** The text that the type's output function prints for each literal: what a replication stream carries. */
export async function printedTexts(
  client: Client,
  type: string,
  literals: readonly string[],
): Promise<string[]> {
  const { rows } = await client.query<{ value: string }>({
    text: `SELECT t.literal::${type} AS value
             FROM unnest($1::text[]) WITH ORDINALITY t(literal, n) ORDER BY n`,
    values: [literals],
    types: RAW,
  });
  return rows.map(({ value }) => value);
}

/** The codec of a type by the catalog of the connected database. */
export async function codecOf(client: Client, type: string): Promise<ValueCodec> {
  const { rows } = await client.query<{ oid: string }>(
    // regtype takes no type modifier; a cast of NULL does.
    `SELECT pg_typeof(NULL::${type})::oid::text AS oid`,
  );
  const oid = Number(rows[0]?.oid);
  const registry = createTypeRegistry();
  const query = async (sql: string) => (await client.query<Record<string, unknown>>(sql)).rows;
  registry.add(await readTypeDescriptors(query, registry.missing([oid])));
  return registry.codec(oid);
}

/** The JSON value as a literal that PostgreSQL reads. */
export function literalOf(value: JsonValue, typeCase: TypeCase): string | null {
  if (typeCase.shape === 'json') return canonicalJson(value);
  if (value === null) return null;
  if (typeCase.shape === 'hstore') {
    return Object.entries(value as Readonly<Record<string, string | null>>)
      .map(([key, member]) => `${quote(key)}=>${member === null ? 'NULL' : quote(member)}`)
      .join(', ');
  }
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (typeof value === 'number') return String(value);
  if (value instanceof JsonNumber) return value.text;
  if (typeof value === 'string') return value;
  throw new TypeError('not a scalar');
}

/** The JSON array as a literal that PostgreSQL reads; an array with bounds is its own literal. */
export function arrayLiteralOf(value: JsonValue, typeCase: TypeCase): string {
  if (typeof value === 'string') return value;
  const values = value as readonly JsonValue[];
  const elements = values.map((element) => {
    if (element === null) return 'NULL';
    if (Array.isArray(element) && typeCase.shape !== 'json')
      return arrayLiteralOf(element, typeCase);
    return quote(literalOf(element, typeCase) ?? '');
  });
  return `{${elements.join(typeCase.delimiter ?? ',')}}`;
}

/** Quoted as array_in and hstore_in read it. */
export function quote(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

/**
 * Sends values on their way (printed by the server, read and written by the codec, read by the server again) and answers
 * those that did not come back equal.
 *
 * @param type The type of the case, or arrays of it.
 */
export async function changedOnTheWay(
  client: Client,
  typeCase: TypeCase,
  type: string,
  literals: readonly string[],
): Promise<readonly unknown[]> {
  const codec = await codecOf(client, type);
  const texts = await printedTexts(client, type, literals);
  const isScalar = type === typeCase.type && !typeCase.isArray;
  const back = (value: JsonValue): string | null =>
    isScalar ? literalOf(value, typeCase) : arrayLiteralOf(value, typeCase);
  const isJson = typeCase.shape === 'json';
  const { hasEquality = true } = typeCase;
  const changed: unknown[] = [];
  const compare = async (way: string, returned: readonly (string | null)[], exact: boolean) => {
    const conditions: string[] = [];
    if (isJson) {
      const text = exact ? '::text' : '';
      conditions.push(
        `to_jsonb(t.a::${type})${text} IS DISTINCT FROM to_jsonb(t.b::${type})${text}`,
      );
    } else {
      // A row is printed by the output functions themselves; a cast to text is something else for char(n).
      conditions.push(`row(t.a::${type})::text IS DISTINCT FROM row(t.b::${type})::text`);
      if (hasEquality) conditions.push(`t.a::${type} IS DISTINCT FROM t.b::${type}`);
    }
    const { rows } = await client.query(
      `SELECT t.a, t.b FROM unnest($1::text[], $2::text[]) t(a, b) WHERE ${conditions.join(' OR ')}`,
      [texts, returned],
    );
    changed.push(...rows.map((row: object) => ({ type, way, ...row })));
  };
  const written = texts.map((text) => toJson(codec, text));
  if (isJson && isScalar) {
    // The payload's own text, digit by digit.
    await compare('toJson', written, true);
  } else {
    const read = written.map((text) => parseJson(text, { maxDepth: 1000 }));
    await compare('toJson', read.map(back), false);
  }
  // A mapper's numbers have the same value, but 1.50 is 1.5.
  await compare(
    'toValue',
    texts.map((text) => back(codec.toValue(text))),
    false,
  );
  return changed;
}
