import { SourceSetupError } from '@certyo-cdc/core';
import { qualifiedName, quoteIdentifier, type TableDescription } from '@certyo-cdc/postgres';
import type { TableSettings } from '../settings.ts';
import { missingColumn } from './missing-column.ts';

/** The column that pages are ordered by before the key. */
export interface LeadColumn {
  readonly name: string;
  readonly typeName: string;
}

const XID8 = 5069;
const TIMESTAMPS: readonly number[] = [1114, 1184];
const INTEGERS: readonly number[] = [20, 21, 23];

/** Checks that the cursor's column is what its kind needs. */
export function leadOf(
  settings: TableSettings,
  description: TableDescription,
  readable: ReadonlySet<string>,
): LeadColumn {
  const { cursor, label } = settings;
  const column = description.columns.find(({ name }) => name === cursor.column);
  if (column === undefined || !readable.has(column.name)) {
    throw missingColumn(label, cursor.column, 'cursor.column', description, readable);
  }
  const wanted = { xid: [XID8], timestamp: TIMESTAMPS, id: INTEGERS }[cursor.kind];
  if (!wanted.includes(column.typeOid)) {
    const types = { xid: 'xid8', timestamp: 'timestamptz or timestamp', id: 'int8' }[cursor.kind];
    throw new SourceSetupError(
      `The column "${column.name}" of ${label} has the type ${column.typeName}; a cursor of kind '${cursor.kind}' needs ${types}.`,
      { remedy: 'Name another column, or choose another kind of cursor.' },
    );
  }
  if (!column.isNotNull) {
    throw new SourceSetupError(
      `The column "${column.name}" of ${label} may be null, and rows where it is null would never be read.`,
      {
        remedy: `Run: ALTER TABLE ${qualifiedName(settings)} ALTER COLUMN ${quoteIdentifier(column.name)} SET NOT NULL;`,
      },
    );
  }
  return { name: column.name, typeName: column.typeName };
}
