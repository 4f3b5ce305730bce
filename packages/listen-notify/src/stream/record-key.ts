import { SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import type { QualifiedName } from '@certyo-cdc/postgres';

/**
 * The columns of the record key of a table: the `keys` option, else the primary key as it was when the table was first
 * seen. A record must not change its name because a constraint was made again; only when a column of it is gone (or was
 * renamed) does the primary key of today decide.
 */
export function recordKeyOf(
  table: QualifiedName,
  columns: ReadonlySet<string>,
  choices: {
    readonly configured: readonly string[] | null;
    readonly lastKnown: readonly string[] | null;
    /** The primary key in the catalog now; null when there is none, or the table is gone. */
    readonly primaryKey: readonly string[] | null;
  },
): readonly string[] {
  const label = tableLabel(table);
  const { configured, lastKnown, primaryKey } = choices;
  if (configured !== null) {
    const missing = configured.find((name) => !columns.has(name));
    if (missing === undefined) return configured;
    throw new SourceSetupError(
      `The key of ${label} names the column "${missing}", which it did not have when a change was made.`,
      { remedy: `Correct the option keys['${label}'].` },
    );
  }
  for (const key of [lastKnown, primaryKey]) {
    if (key !== null && key.length > 0 && key.every((name) => columns.has(name))) return key;
  }
  throw new SourceSetupError(`${label} has no primary key, so nothing names its records.`, {
    remedy: `Set the option keys['${label}'] to columns that identify a row; or add a primary key.`,
  });
}
