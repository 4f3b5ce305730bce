import { SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  type PublicationDescription,
  qualifiedName,
  type SqlExecutor,
  sqlStateOf,
} from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import { replaceTableSql } from './publication-problems.ts';
import type { Problem } from './readiness.ts';

/**
 * Row filters of the publication that are not those of the options. The server keeps a filter as it has understood it, so
 * both are compared as it understands them: by how it would read the table. A role that may not read the table cannot
 * tell, and takes the publication's.
 */
export async function rowFilterProblems(
  session: SqlExecutor,
  publication: PublicationDescription | null,
  settings: Pick<ReplicationSettings, 'publication' | 'tables'>,
  options: { readonly signal: AbortSignal },
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const table of settings.tables) {
    const published = publication?.tables.find(
      ({ schema, name }) => schema === table.schema && name === table.name,
    );
    const rowFilter = published?.rowFilter ?? null;
    if (table.where === null || rowFilter === null) continue;
    const plan = async (filter: string): Promise<string> => {
      const explain = `EXPLAIN (VERBOSE, COSTS OFF) SELECT 1 FROM ${qualifiedName(table)} WHERE (${filter})`;
      const { rows } = await session.query<{ readonly 'QUERY PLAN': string }>(explain, [], options);
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    };
    try {
      if ((await plan(table.where)) === (await plan(rowFilter))) continue;
    } catch (error) {
      const state = sqlStateOf(error);
      if (state === '42501') continue;
      // Syntax, an unknown column, a wrong type: the option's own text, since the server has taken the other.
      if (state?.startsWith('42') !== true) throw error;
      throw new SourceSetupError(
        `The server does not understand the option where of ${tableLabel(table)} (SQLSTATE ${state}).`,
        {
          cause: error,
          remedy: 'Correct it: a condition on columns of the table, as in CREATE PUBLICATION.',
        },
      );
    }
    problems.push({
      what: `The publication "${settings.publication}" has another row filter for ${tableLabel(table)} than the option tables.`,
      sql: replaceTableSql(settings.publication, table),
      losesChanges: false,
    });
  }
  return problems;
}
