import { SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';

import type { SqlExecutor } from '../connection/sql-executor.ts';
import { qualifiedName, type QualifiedName, quoteIdentifier } from '../identifier/quote.ts';
import { PostgresServerError } from '../sqlstate/postgres-error.ts';

/** A set-up has replaced a trigger, or a function, without a moment between in which it did not capture. */
export interface Replacement {
  /** Oid of the table or partition; `0` for a function. */
  readonly relation: string;
  /** Of the trigger or function. */
  readonly name: string;
  readonly before: string;
  readonly after: string;
  /** What it captures since. */
  readonly provides: readonly string[];
}

/**
 * Reads what set-ups have replaced. Empty where there is no such table.
 *
 * @throws SourceSetupError when the role may not read it.
 */
export async function readReplacements(
  session: SqlExecutor,
  table: QualifiedName,
  options: {
    /** Of the triggers and functions in question. */
    readonly names: readonly string[];
    readonly signal: AbortSignal;
  },
): Promise<readonly Replacement[]> {
  const { names, signal } = options;
  const found = await session.query(
    `SELECT 1 AS found FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'r'`,
    [table.schema, table.name],
    { signal },
  );
  if (found.rows.length === 0) return [];
  try {
    const { rows } = await session.query<
      Readonly<Record<'relation' | 'name' | 'before' | 'after' | 'provides', string>>
    >(
      `SELECT r.relation::text AS relation, r.name, r.version_before AS before, r.version_after AS after,
              pg_catalog.array_to_json(r.provides)::text AS provides
         FROM ${qualifiedName(table)} r WHERE r.name = ANY ($1::text[])`,
      [names],
      { signal },
    );
    return rows.map((row) => ({ ...row, provides: JSON.parse(row.provides) as string[] }));
  } catch (error) {
    if (!(error instanceof PostgresServerError) || error.code !== '42501') throw error;
    throw new SourceSetupError(
      `Triggers have changed, and the role may not read in ${tableLabel(table)} whether setup did it.`,
      {
        cause: error,
        remedy: `Run as its owner: GRANT USAGE ON SCHEMA ${quoteIdentifier(table.schema)} TO your_role; GRANT SELECT ON ${qualifiedName(table)} TO your_role;`,
      },
    );
  }
}

/**
 * Whether a trigger or function has captured all the time from one version to another: because it is the same, or because
 * set-ups have replaced one by the next, and each captured at least what is needed.
 *
 * @param item What it is and its version now.
 * @param isFirst Tells the version, or versions, of which it is known that they captured.
 */
export function hasCapturedSince(
  replacements: readonly Replacement[],
  item: {
    readonly relation: string;
    readonly name: string;
    readonly version: string;
    readonly needs: readonly string[];
  },
  isFirst: (version: string) => boolean,
): boolean {
  const own = replacements.filter(
    ({ name, provides, relation }) =>
      relation === item.relation &&
      name === item.name &&
      item.needs.every((need) => provides.includes(need)),
  );
  const reached = new Set([item.version]);
  for (const version of reached) {
    if (isFirst(version)) return true;
    for (const { after, before } of own) if (after === version) reached.add(before);
  }
  return false;
}
