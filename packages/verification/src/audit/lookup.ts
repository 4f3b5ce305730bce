import { type SqlSession, sqlStateOf } from '@certyo-cdc/postgres';

import type { Audited } from './audited.ts';
import { lookupSql, textsOf } from './rows-sql.ts';
import type { Suspect } from './suspect.ts';

/** A row as it is now. */
export interface FoundRow {
  /** Null where there is none. */
  readonly texts: readonly (string | null)[] | null;
  /** The transaction that wrote it last: the same as long as nobody writes it. */
  readonly writer: string | null;
  /** The key as PostgreSQL's text: a recordId has it as JSON does. */
  readonly key: readonly string[];
  /** Whether it belongs to what is audited. */
  readonly isAudited: boolean;
}

interface Row {
  readonly found: string;
  readonly writer: string | null;
  readonly isInRange: string;
  readonly isInScope: string;
  readonly [column: string]: string | null;
}

/** Looks rows up by their keys; null for a key that is none of this table. */
export async function lookUp(
  session: SqlSession,
  audited: Audited,
  suspects: readonly (Suspect & { readonly key: readonly string[] })[],
  options: { readonly signal: AbortSignal },
): Promise<readonly (FoundRow | null)[]> {
  if (suspects.length === 0) return [];
  const { shape } = audited;
  const arrays = shape.key.map((_, index) => suspects.map(({ key }) => key[index] ?? ''));
  try {
    const { rows } = await session.query<Row>(lookupSql(shape), arrays, options);
    return rows.map((row) => {
      const isFound = row.found === 'true';
      return {
        texts: isFound ? textsOf(shape, row) : null,
        writer: row.writer,
        key: shape.key.map((_, index) => row[`certyo_k${String(index)}`] ?? ''),
        isAudited: row.isInRange === 'true' && (!isFound || row.isInScope === 'true'),
      };
    });
  } catch (error) {
    // A recordId that no key of this type can be.
    if (sqlStateOf(error)?.startsWith('22') !== true) throw error;
    if (suspects.length === 1) return [null];
    const half = suspects.length >> 1;
    return [
      ...(await lookUp(session, audited, suspects.slice(0, half), options)),
      ...(await lookUp(session, audited, suspects.slice(half), options)),
    ];
  }
}
