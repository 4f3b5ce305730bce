import { qualifiedName, quoteIdentifier } from '@certyo-cdc/postgres';
import { type PollingSpec, pollingObjects } from './spec.ts';

/**
 * What a role needs to poll, besides CONNECT and its rights on checkpoints, parked records and the lease: USAGE on the
 * schemas, SELECT on listed columns, and the tombstones to read and prune. It needs no right to write a captured table.
 *
 * The writers of the tables need nothing: the triggers run by themselves.
 *
 * @param columns By `schema.table` as given in the spec: which columns the role may read. The key, the cursor's column and those of
 * softDelete and lastUpdate must be among them. All when a table is not named.
 */
export function pollingGrantSql(
  role: string,
  spec: PollingSpec,
  columns: ReadonlyMap<string, readonly string[]> = new Map(),
): readonly string[] {
  const to = `TO ${quoteIdentifier(role)};`;
  const schemas = new Set(spec.tables.map(({ table }) => table.schema));
  const uses = (...kinds: readonly string[]): boolean =>
    spec.tables.some(({ hardDeletes }) => kinds.includes(hardDeletes));
  const objects = pollingObjects(spec);
  return [
    ...[...schemas].map((schema) => `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} ${to}`),
    ...spec.tables.map(({ table }) => {
      const listed = columns.get(`${table.schema}.${table.name}`);
      const list = listed === undefined ? '' : ` (${listed.map(quoteIdentifier).join(', ')})`;
      return `GRANT SELECT${list} ON ${qualifiedName(table)} ${to}`;
    }),
    ...(uses('tombstone', 'reconcile')
      ? [
          `GRANT USAGE ON SCHEMA ${quoteIdentifier(spec.schema)} ${to}`,
          `GRANT SELECT, DELETE ON ${qualifiedName(objects.tombstones)} ${to}`,
          `GRANT SELECT ON ${qualifiedName(objects.tombstoneColumns)} ${to}`,
        ]
      : []),
    ...(uses('reconcile')
      ? [
          `GRANT INSERT (xid, relation, operation, key) ON ${qualifiedName(objects.tombstones)} ${to}`,
          `GRANT SELECT, INSERT, DELETE ON ${qualifiedName(objects.keys)} ${to}`,
        ]
      : []),
    `ALTER ROLE ${quoteIdentifier(role)} SET row_security = off;`,
  ];
}
