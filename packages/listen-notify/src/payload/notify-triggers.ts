import {
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  type TableDescription,
  XID_COLUMN,
} from '@certyo-cdc/postgres';
import type { PayloadObjects } from './objects.ts';

/** A trigger as it has to be on a table. */
export interface NotifyTrigger {
  readonly name: string;
  /** `tgtype`: 1 row, 4 insert, 8 delete, 16 update, 32 truncate. */
  readonly type: number;
  readonly hasCondition: boolean;
  readonly sql: string;
}

/**
 * The triggers of one table. Where polling keeps an xid column, a change of status columns alone leaves it as it is and is told to
 * nobody.
 */
export function notifyTriggers(
  objects: PayloadObjects,
  table: Pick<TableDescription, 'schema' | 'name' | 'columns' | 'primaryKey'>,
): readonly NotifyTrigger[] {
  const { deleted, key, row, truncated } = objects.triggers;
  const hasXid = table.columns.some(
    (column) => column.name === XID_COLUMN && column.typeName === 'xid8',
  );
  const keyOf = (record: string): string =>
    `ROW(${table.primaryKey.map((column) => `${record}.${quoteIdentifier(column)}`).join(', ')})::record`;
  const make = (
    name: string,
    when: string,
    level: 'ROW' | 'STATEMENT',
    type: number,
    condition: string | null,
    argument: 'row' | 'void',
  ): NotifyTrigger => ({
    name,
    type,
    hasCondition: condition !== null,
    sql: `CREATE TRIGGER ${quoteIdentifier(name)} ${when} ON ${qualifiedName(table)} FOR EACH ${level}${
      condition === null ? '' : ` WHEN (${condition})`
    } EXECUTE FUNCTION ${qualifiedName(objects.function)}('${argument}');`,
  });
  return [
    make(
      row,
      'AFTER INSERT OR UPDATE',
      'ROW',
      21,
      hasXid ? `NEW.${XID_COLUMN} = pg_catalog.pg_current_xact_id()` : null,
      'row',
    ),
    // The old key is gone, which only the catch-up source can tell.
    ...(table.primaryKey.length === 0
      ? []
      : [
          make(
            key,
            'AFTER UPDATE',
            'ROW',
            17,
            `${keyOf('OLD')} OPERATOR(pg_catalog.*<>) ${keyOf('NEW')}`,
            'void',
          ),
        ]),
    make(deleted, 'AFTER DELETE', 'ROW', 9, null, 'void'),
    make(truncated, 'AFTER TRUNCATE', 'STATEMENT', 32, null, 'void'),
  ];
}

/** Removes a trigger. */
export function dropTriggerSql(table: QualifiedName, name: string): string {
  return `DROP TRIGGER IF EXISTS ${quoteIdentifier(name)} ON ${qualifiedName(table)};`;
}

/** Lets a trigger fire whatever `session_replication_role` says (N-12). */
export function enableTriggerSql(table: QualifiedName, name: string): string {
  return `ALTER TABLE ${qualifiedName(table)} ENABLE ALWAYS TRIGGER ${quoteIdentifier(name)};`;
}
