import { SourceSetupError } from '@certyo-cdc/core';
import type { TableDescription } from '@certyo-cdc/postgres';

/** Why a column that the options name cannot be read. */
export function missingColumn(
  label: string,
  name: string,
  option: string,
  description: Pick<TableDescription, 'columns'>,
  readable: ReadonlySet<string>,
): SourceSetupError {
  const exists = description.columns.some((column) => column.name === name);
  if (exists && !readable.has(name)) {
    return new SourceSetupError(`The role may not read the column "${name}" of ${label}.`, {
      remedy: `Run as the table's owner: GRANT SELECT ("${name}") ON ${label} TO your_role;`,
    });
  }
  return new SourceSetupError(
    `The option ${option} names the column "${name}", which ${label} ${exists ? 'does not hand out' : 'does not have'}.`,
    { remedy: 'Run source.setup(), or correct the option.' },
  );
}
